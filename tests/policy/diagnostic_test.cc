#include "policy/diagnostic.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/policy/sources.h"
#include "tests/support/golden.h"

using namespace ringfence::policy;
using namespace ringfence::test;

namespace {

std::vector<Diagnostic> errorsOf(const std::string& content, UnwiredKeys unwired = UnwiredKeys::kRefuse) {
  return check(text("coding.toml", content), {.unwired = unwired});
}

}  // namespace

TEST_CASE("an error points at its token with the line and a suggestion") {
  const auto errors = errorsOf("schema = 1\n[files]\n\n\n\n\nworkspce = \"rw\"\n");
  REQUIRE(errors.size() == 1);
  CHECK(renderText(errors[0]) ==
        "error: unknown key `workspce` in [files]\n"
        "  --> coding.toml:7:1\n"
        "   |\n"
        " 7 | workspce = \"rw\"\n"
        "   | ^^^^^^^^ did you mean `workspace`?\n");
}

TEST_CASE("each kind of mistake is rendered as reviewed") {
  std::string all;
  for (const char* content : {"workspce = \"rw\"\n",
                              "memory = \"1GiB\"\n",
                              "[filez]\nread = []\n",
                              "files = 3\n",
                              "[files]\nread = \"/usr\"\n",
                              "[files]\nread = [\"/usr\", 3]\n",
                              "[files]\nread = [\"usr\"]\n",
                              "[files]\nread = [\"/usr/../etc\"]\n",
                              "[files]\nread = [\"/usr/*\"]\n",
                              "[files]\nforbid = [\"*.pem\"]\n",
                              "[files]\nforbid = [\"/a/[b]\"]\n",
                              "[files]\nread = [\"/a\\u0000b\"]\n",
                              "[files]\nworkspace = \"read\"\n",
                              "[files]\nworkspace = \"overlay\"\n",
                              "[walls]\nlandlok = \"off\"\n",
                              "[walls]\nnet = \"requird\"\n",
                              "[limits]\nmemory = \"6GB\"\n",
                              "[limits]\nmemory = \"0B\"\n",
                              "[limits]\nmemory = \"99999999999TiB\"\n",
                              "[limits]\ncpu = 200\n",
                              "[limits]\ncpu = \"200\"\n",
                              "[limits]\nio_write = \"50MiB\"\n",
                              "[limits]\npids = 0\n",
                              "[limits]\npids = -5\n",
                              "[limits]\npids = 1.5\n",
                              "[limits]\ncost = 2.5\n",
                              "[limits]\ncost = \"2.50\"\n",
                              "[limits]\ncost = \"$2.\"\n",
                              "[limits]\ncost_per_day = \"$0.00\"\n",
                              "[limits]\ncost_per_day = \"$1000001\"\n",
                              "[limits]\nprompts = \"many\"\n",
                              "[limits]\ntokens_a_day = 5\n",
                              "[limits]\nwarn_at = \"101%\"\n",
                              "[limits]\non_limit = \"stop\"\n",
                              "[priority]\npreempt_grace = \"5\"\n",
                              "mode = \"learn\"\n",
                              "[network]\ndefault = \"rewrite\"\n",
                              "[network]\nloopback = [0]\n",
                              "[network]\npublish = [\"3000\"]\n",
                              "[network]\nsend_limit = 5\n",
                              "[prompt]\ntimeout = \"10\"\n",
                              "[prompt]\ntimeout = \"200h\"\n",
                              "[prompt]\nper_minute = 0\n",
                              "[audit]\nread = [\"/a/*\"]\n",
                              "[grants]\nop = \"read\"\n",
                              "[identity]\nas = \"root\"\n",
                              "[identity]\ngroups = [\"44\"]\n",
                              "[environment]\npass = [\"A-B\"]\n",
                              "[environment]\nset = { A = 1 }\n",
                              "[environment]\nset = { RINGFENCE_RUN = \"x\" }\n",
                              "schema = 2\n",
                              "name = \"My Policy\"\n",
                              "extends = \"base\"\n",
                              "extends = [\"../base\"]\n",
                              "lock = [\"limits.memroy\"]\n",
                              "name = \"a\"\nname = \"b\"\n",
                              "[limits]\npids = 1\n[limits]\n",
                              "limits = { pids = 1, pids = 2 }\n",
                              "name = \"a\n",
                              "name = coding\n",
                              "[files\n",
                              "\tname =\t7\n",
                              "# \xc3\xa4\xc3\xb6\nname = \"\xc3\xa4\xc3\xb6\xc3\xbc\" # x\n",
                              "\xef\xbb\xbfnam = 1\r\nextend = []\r\n",
                              "name = \"\x1b[31m\"\n",
                              "n\xff = 1\n"}) {
    all += renderText(errorsOf(content)) + "---\n";
  }
  checkGolden("policy/errors.txt", all);
}

TEST_CASE("mistakes in rules are rendered as reviewed") {
  std::string all;
  for (const char* content :
       {"network.allow = [\"a.b\"]\n",
        "network.allow = [{ hst = \"a.b\" }]\n",
        "network.allow = [{ host = \"a.b\", cidr = \"10.0.0.0/8\" }]\n",
        "network.allow = [{ host = \"a.*.b\" }]\n",
        "network.allow = [{ host = \"127.1\" }]\n",
        "network.allow = [{ host = \"a.b\", port = 70000 }]\n",
        "network.forbid = [{ cidr = \"10.1.0.0/8\" }]\n",
        "[[exec.rule]]\nmatch = []\ndecide = \"ask\"\n",
        "[[exec.rule]]\nmatch = [\"git\"]\n",
        "[[exec.rule]]\nmatch = [\"git\"]\ndecide = \"aks\"\n",
        "[[exec.rule]]\nmatch = [\"bin/git\"]\ndecide = \"ask\"\n",
        "[[exec.rule]]\nmatch = [\"git\", \"push\"]\ndecide = \"ask\"\ntests = { match = [\"git pull\"], miss = [\"git "
        "status\"] }\n",
        "[[exec.rule]]\nmatch = [\"git\"]\ndecide = \"rewrite\"\n",
        "[[exec.rule]]\nmatch = [\"git\"]\ndecide = \"ask\"\nrewrite = [\"git\"]\n",
        "[[exec.rule]]\nmatch = [\"git\"]\ndecide = \"rewrite\"\nrewrite = []\n",
        "[[exec.rule]]\nmatch = [\"git\"]\ndecide = \"rewrite\"\nrewrite = [\"true\"]\n",
        "[[files.rewrite]]\nmatch = \"/a\"\n",
        "[[files.rewrite]]\nmatch = \"/a\"\nto = \"/b\"\ncontent = \"\"\n",
        "[[files.rewrite]]\nmatch = \"a\"\nto = \"/b/*\"\n",
        "[[files.rewrite]]\nto = \"/b\"\nwy = \"\"\n",
        "files.rewrite = [\"/a\"]\n",
        "[[network.rewrite]]\nhost = \"a.b\"\nto = \"*.c\"\n",
        "[[network.rewrite]]\nhost = \"a..b\"\nto = \"c:0\"\n",
        "[[network.rewrite]]\nto = 5\n",
        "[[network.credential]]\nhost = \"*.a.b\"\nheader = \"Host\"\nfrom = \"A-B\"\nbase = \"RINGFENCE_X\"\n",
        "[[network.credential]]\nhost = \"a.b\"\nheader = \"\"\nprefix = \"x\\n\"\n",
        "[[grant]]\nop = \"wirte\"\ntarget = \"/a\"\n",
        "[[grant]]\nop = \"write\"\ntarget = \"/a/*\"\n",
        "[[grant]]\nop = \"exec\"\ntarget = \"git\"\n",
        "[[grant]]\nop = \"exec\"\ntarget = \"~/git\"\nargv = [\"git\"]\n",
        "[[grant]]\nop = \"read\"\ntarget = \"/a\"\nargv = [\"a\"]\n",
        "[[grant]]\nop = \"connect\"\ntarget = \"a.b\"\nuntil = \"tomorrow\"\n",
        "[[exec.rule]]\nmatch = [\"git\"]\ndecide = \"ask\"\ntests = { match = [\"git\"], miss = [\"git status\", "
        "\"'open\"] }\n"}) {
    all += renderText(errorsOf(content, UnwiredKeys::kAccept)) + "---\n";
  }
  checkGolden("policy/rule_errors.txt", all);
}

TEST_CASE("the JSON twin has the same ranges") {
  checkGolden("policy/errors.json", renderJson(errorsOf("[files]\nworkspce = \"rw\"\nread = [\"usr\"]\n")) + "\n");
}

TEST_CASE("what a file says cannot act on the terminal") {
  for (const char* content :
       {"\"\\u001b[31m\" = 1\n", "name = \"\\u202eevil\"\n", "name = \"a\x1b[2J\"\n", "extends = [\"\\u001b\"]\n",
        "identity.as = \"\\u001b\"\n", "environment.set = { \"\\u001b\" = \"\" }\n"}) {
    const std::string shown = renderText(errorsOf(content));
    CHECK(shown.find('\x1b') == std::string::npos);
    CHECK(shown.find("\xe2\x80\xae") == std::string::npos);
    CHECK_FALSE(shown.empty());
  }
}

TEST_CASE("what is too large, too deep or too long is refused with a word") {
  CHECK(renderText(errorsOf(std::string(300 * 1024, ' '))).find("too large") != std::string::npos);
  std::string dotted = "a";
  for (int i = 0; i < 50000; ++i) dotted += ".a";
  CHECK(renderText(errorsOf(dotted + " = 1\n")).find("too deep") != std::string::npos);
  CHECK(renderText(errorsOf("files = " + std::string(5000, '['))).find("nested") != std::string::npos);
  std::string list = "files.read = [";
  for (int i = 0; i < 5000; ++i) list += "\"/a\",";
  CHECK(renderText(errorsOf(list + "]\n")).find("too long") != std::string::npos);
}

TEST_CASE("a hundred mistakes are cut to what a person reads") {
  std::string content;
  for (int i = 0; i < 100; ++i) content += "k" + std::to_string(i) + " = 1\n";
  CHECK(errorsOf(content).size() == 64);
}

TEST_CASE("a long line is cut around its token") {
  const std::string content = "files.read = [" + std::string(400, ' ') + "\"usr\"" + std::string(400, ' ') + "]\n";
  for (const Diagnostic& diagnostic : errorsOf(content)) {
    CHECK(diagnostic.column == 415);
    const std::string shown = renderText(diagnostic);
    CHECK(shown.size() < 700);
    CHECK(shown.find("\"usr\"") != std::string::npos);
  }
}
