// Questions, rules that change, ports of both sides, limits, credentials: one real egress, the test around it.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/sandbox/egress/egress_process.h"
#include "tests/sandbox/egress/egress_rules.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

const std::string kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

policy::Network asking(const std::string& name) {
  policy::Network network;
  network.ask = {host(name)};
  return network;
}

Answer answer(std::uint64_t ask, Outcome outcome) {
  Answer made;
  made.ask = ask;
  made.outcome = outcome;
  made.say = "words of a person";
  return made;
}

}  // namespace

TEST_CASE("egress: a question holds the connection, and one answer is for all that asked the same") {
  EgressProcess egress;
  egress.setName("ask.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  egress.giveRules(asking("ask.example.org"));
  const Wire first = egress.proxy();
  first.send(connectTo("ask.example.org:443"));
  const Ask ask = egress.expect<Ask>();
  CHECK(ask.action.action.target == "ask.example.org:443");
  CHECK(ask.action.reversible == Reversibility::kLeavesDevice);
  const Wire second = egress.proxy();
  second.send(socksTo("ask.example.org", 443));
  const Wire other = egress.proxy();
  other.send(connectTo("ask.example.org:22"));
  CHECK(egress.expect<Ask>().action.action.target == "ask.example.org:22");
  CHECK(!first.hasBytes());
  CHECK(!server.hasClient());
  CHECK(egress.queries().empty());
  egress.send(answer(ask.ask, Outcome::kAllowed));
  CHECK(first.read(kEstablished.size()) == kEstablished);
  CHECK(second.read(4) == std::string("\x05\x00\x05\x00", 4));
  const auto performed = egress.expect<Performed>();
  CHECK(performed.ask == ask.ask);
  CHECK(performed.sysErrno == 0);
  const Wire later = egress.proxy();
  later.send(connectTo("ask.example.org:443"));
  CHECK(egress.expect<Ask>().ask != ask.ask);
}

TEST_CASE("egress: a no, an end of time and a stop reach the client in their own words") {
  EgressProcess egress;
  egress.giveRules(asking("ask.example.org"));
  for (const auto& [outcome, word] : {std::pair{Outcome::kDenied, "denied"}, std::pair{Outcome::kExpired, "expired"},
                                      std::pair{Outcome::kStopped, "stopped"}}) {
    const Wire client = egress.proxy();
    client.send(connectTo("ask.example.org:443"));
    egress.send(answer(egress.expect<Ask>().ask, outcome));
    const std::string told = client.readAll();
    CHECK(told.starts_with("HTTP/1.1 403"));
    CHECK(has(told, std::string("\"outcome\":\"") + word + "\""));
    CHECK(has(told, "\"say\":\"words of a person\""));
  }
  CHECK(egress.queries().empty());
}

TEST_CASE("egress: a client that hangs up takes its question back") {
  EgressProcess egress;
  egress.giveRules(asking("ask.example.org"));
  Wire client = egress.proxy();
  client.send(connectTo("ask.example.org:443"));
  const auto ask = egress.expect<Ask>();
  client.close();
  CHECK(egress.expect<Withdraw>().ask == ask.ask);
}

TEST_CASE("egress: a daemon that came later hears hello and the open question again, under its number") {
  EgressProcess egress;
  egress.giveRules(asking("ask.example.org"));
  (void)egress.expect<GuardHello>();
  const Wire client = egress.proxy();
  client.send(connectTo("ask.example.org:443"));
  const auto ask = egress.expect<Ask>();
  egress.send(Repeat{});
  (void)egress.expect<GuardHello>();
  CHECK(egress.expect<Ask>().ask == ask.ask);
}

TEST_CASE("egress: a connection is led to another host by a rule or by an answer, never to one that is forbidden") {
  EgressProcess egress;
  egress.setName("mirror.example.org", {"198.51.100.2"});
  egress.setName("real.example.org", {"198.51.100.1"});
  const Server mirror("198.51.100.2", 80);
  const Server real("198.51.100.1", 80);
  policy::Network network = asking("real.example.org");
  network.forbid = {host("evil.example.org")};
  egress.giveRules(network);
  const std::string request = "GET http://real.example.org/x HTTP/1.1\r\nHost: real.example.org\r\n\r\n";
  const Wire client = egress.proxy();
  client.send(request);
  Answer other = answer(egress.expect<Ask>().ask, Outcome::kRewritten);
  other.rewrite.host = "mirror.example.org";
  egress.send(other);
  const Wire outside = mirror.accept();
  CHECK(outside.readUntil("\r\n\r\n").starts_with("GET /x HTTP/1.1\r\nHost: mirror.example.org\r\n"));
  const Record record = egress.expectRecord(RecordKind::kRewritten, "real.example.org:80");
  CHECK(record.rewrite.host == "mirror.example.org:80");
  const Wire second = egress.proxy();
  second.send(request);
  other.ask = egress.expect<Ask>().ask;
  other.rewrite.host = "evil.example.org";
  egress.send(other);
  CHECK(second.readAll().starts_with("HTTP/1.1 403"));
  network = allowing({host("mirror.example.org", 80)});
  policy::HostRewrite rule;
  rule.host = "real.example.org";
  rule.to = "mirror.example.org";
  network.rewrite = {rule};
  egress.giveRules(network);
  const Wire third = egress.connectInside(egress.addressInside("real.example.org"), 80);
  third.send("GET /y HTTP/1.1\r\nHost: real.example.org\r\n\r\n");
  CHECK(mirror.accept().readUntil("\r\n\r\n").starts_with("GET /y HTTP/1.1\r\nHost: mirror.example.org\r\n"));
  CHECK(egress.expectRecord(RecordKind::kRewritten, "real.example.org:80").rewrite.host == "mirror.example.org:80");
  CHECK(!real.hasClient());
}

TEST_CASE("egress: rules that narrow cut what is open, and say how much") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  egress.giveRules(allowing({host("api.example.org")}));
  CHECK(egress.expect<RulesInForce>().cut == 0);
  const Wire client = egress.proxy();
  client.send(connectTo("api.example.org:443"));
  CHECK(client.read(kEstablished.size()) == kEstablished);
  const Wire outside = server.accept();
  egress.giveRules(allowing({host("api.example.org"), host("more.example.org")}));
  CHECK(egress.expect<RulesInForce>().cut == 0);
  client.send("still");
  CHECK(outside.read(5) == "still");
  egress.giveRules(allowing({host("more.example.org")}));
  const auto narrowed = egress.expect<RulesInForce>();
  CHECK(narrowed.generation == 3);
  CHECK(narrowed.cut == 1);
  CHECK(client.isReset());
  CHECK(outside.readAll().empty());
  (void)egress.expectRecord(RecordKind::kDenied, "api.example.org:443");
}

TEST_CASE("egress: what was asked once stays open, and ends when the grant that covered it is taken back") {
  EgressProcess egress;
  egress.setName("ask.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  egress.giveRules(asking("ask.example.org"));
  const Wire client = egress.proxy();
  client.send(connectTo("ask.example.org:443"));
  egress.send(answer(egress.expect<Ask>().ask, Outcome::kAllowed));
  CHECK(client.read(kEstablished.size()) == kEstablished);
  (void)egress.expect<RulesInForce>();
  egress.giveRules(asking("ask.example.org"));
  CHECK(egress.expect<RulesInForce>().cut == 0);
  egress.giveRules(allowing({host("ask.example.org")}));
  CHECK(egress.expect<RulesInForce>().cut == 0);
  egress.giveRules(asking("ask.example.org"));
  CHECK(egress.expect<RulesInForce>().cut == 1);
}

TEST_CASE("egress: no byte beyond the limit of what may be sent leaves") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  policy::Network network = allowing({host("api.example.org")});
  network.sendLimit = kibibytes(100);
  egress.giveRules(network);
  const Wire client = egress.proxy();
  client.send(connectTo("api.example.org:443"));
  CHECK(client.read(kEstablished.size()) == kEstablished);
  const Wire outside = server.accept();
  std::string received;
  std::thread reader([&] { received = outside.readAll(); });
  bool cut = false;
  try {
    for (int i = 0; i < 64; ++i) client.send(std::string(64 * 1024, 'x'));
  } catch (const std::exception&) {
    cut = true;  // While it sent.
  }
  CHECK((cut || client.isReset()));
  reader.join();
  CHECK(received.size() == 100 * 1024);
  const auto denied = egress.expectRecord(RecordKind::kDenied, "api.example.org:443");
  CHECK(denied.rule.text == "network.send_limit");
  const Wire later = egress.proxy();
  later.send(connectTo("api.example.org:443"));
  CHECK(later.readAll().starts_with("HTTP/1.1 403"));
}

TEST_CASE("egress: what one that died had sent counts for the one that comes after it") {
  EgressProcess egress;
  GuardRules rules;
  rules.run = RunId::random();
  rules.document.network = allowing({host("198.51.100.1")});
  rules.document.network.sendLimit = kibibytes(1);
  rules.traffic = {{"api.example.org", 443, 1000, 5, 2}, {"127.0.0.1", 11434, 5000, 5, 1}};
  egress.send(rules);
  const Server server("198.51.100.1", 443);
  const Wire client = egress.connectInside("198.51.100.1", 443);
  client.send(std::string(100, 'x'));
  CHECK(server.accept().readAll().size() == 24);
  const auto traffic = egress.expect<Traffic>();
  REQUIRE(traffic.hosts.size() == 3);
  CHECK(traffic.hosts[1] == HostTraffic{"198.51.100.1", 443, 24, 0, 1});
  CHECK(traffic.hosts[2] == HostTraffic{"api.example.org", 443, 1000, 5, 2});
}

TEST_CASE("egress: a port of the host appears inside, a port of the run outside, and others do not") {
  EgressProcess egress;
  const Server model("127.0.0.1", 11434);
  const Server closed("127.0.0.1", 11435);
  policy::Network network;
  network.loopback = {11434};
  network.publish = {3000, 11435};
  egress.giveRules(network);
  const auto noted = egress.expectRecord(RecordKind::kDenied, "127.0.0.1:11435");
  CHECK(noted.rule.text == "network.publish 11435");
  const Wire inside = egress.connectInside("127.0.0.1", 11434);
  const Wire served = model.accept();
  inside.send("ask");
  CHECK(served.read(3) == "ask");
  served.send("told");
  CHECK(inside.read(4) == "told");
  const auto allowed = egress.takeAllowed();
  REQUIRE(allowed.size() == 1);
  CHECK(allowed[0].action.action.target == "127.0.0.1:11434");
  CHECK(allowed[0].rule == "network.loopback 11434");
  const Server dev = egress.listenInside(3000);
  const Wire outside = egress.connectWorld("127.0.0.1", 3000);
  const Wire browsed = dev.accept();
  outside.send("GET");
  CHECK(browsed.read(3) == "GET");
  const Wire proxied = egress.proxy();
  proxied.send(connectTo("127.0.0.1:11434"));
  CHECK(proxied.read(kEstablished.size()) == kEstablished);
  const Wire refused = egress.proxy();
  refused.send(connectTo("127.0.0.1:11435"));
  CHECK(refused.readAll().starts_with("HTTP/1.1 403"));
  CHECK(!closed.hasClient());
}

TEST_CASE("egress: where the policy only watches, what would be asked goes and is on record") {
  EgressProcess egress;
  egress.setName("ask.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  egress.giveRules(asking("ask.example.org"), {}, policy::Mode::kAudit);
  const Wire client = egress.proxy();
  client.send(connectTo("ask.example.org:443"));
  CHECK(client.read(kEstablished.size()) == kEstablished);
  (void)egress.expectRecord(RecordKind::kLeavesDevice, "ask.example.org:443");
}

namespace {

// A server with a certificate for one name, made for this test; speaks to one client at a time.
class TlsServer {
 public:
  TlsServer(const std::string& name, const std::string& certificatePath) : context_(SSL_CTX_new(TLS_server_method())) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    FILE* file = std::fopen(certificatePath.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~TlsServer() { SSL_CTX_free(context_); }

  // Reads a request, a GET or one with the four bytes "body", and answers; empty: the handshake failed.
  std::string serve(const Wire& client, const std::string& response) {
    SSL* session = SSL_new(context_);
    SSL_set_fd(session, client.fd());
    std::string request;
    if (SSL_accept(session) == 1) {
      char buffer[4096];
      int got = 0;
      while (!isWhole(request) && (got = SSL_read(session, buffer, sizeof buffer)) > 0)
        request.append(buffer, static_cast<std::size_t>(got));
      SSL_write(session, response.data(), static_cast<int>(response.size()));
      SSL_shutdown(session);
    }
    SSL_free(session);
    return request;
  }

 private:
  static bool isWhole(const std::string& request) {
    return request.ends_with("body") || (request.starts_with("GET ") && request.ends_with("\r\n\r\n"));
  }

  SSL_CTX* context_;
};

}  // namespace

TEST_CASE("egress: what it counted it says at its end, and again to another daemon") {
  EgressProcess egress;
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  egress.giveRules(allowing({host("api.example.org")}));
  const Wire client = egress.proxy();
  client.send(connectTo("api.example.org:443") + "12345");
  CHECK(server.accept().read(5) == "12345");
  const auto isWhole = [](const Traffic& one) { return one.hosts[0].sentBytes == 5; };
  SECTION("its end") { REQUIRE(::kill(egress.outerPid(), SIGTERM) == 0); }
  SECTION("another daemon") {
    (void)egress.expect<Traffic>(isWhole);
    egress.send(Repeat{});
  }
  CHECK(egress.expect<Traffic>(isWhole).hosts[0].host == "api.example.org");
}

TEST_CASE("egress: the value of a credential goes to its host over TLS and to nobody else") {
  const TempDir directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  TlsServer tls("api.example.org", directory.path() + "/anchors.pem");
  EgressProcess egress({"--trust-anchors", directory.path() + "/anchors.pem"});
  const std::string secret = "sk-canary-0123456789";
  egress.setName("api.example.org", {"198.51.100.1"});
  egress.setName("wrong.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  policy::Network network = allowing({host("api.example.org", 443), host("wrong.example.org", 443)});
  policy::Credential credential;
  credential.host = "api.example.org";
  credential.header = "Authorization";
  credential.prefix = "Bearer ";
  policy::Credential wrong = credential;
  wrong.host = "wrong.example.org";
  policy::Credential forbidden = credential;
  forbidden.host = "forbidden.example.org";
  network.credentials = {credential, wrong, forbidden, credential};
  egress.giveRules(network, {secret, secret, secret});
  const auto request = [](int index) {
    return "POST /.ringfence/credential/" + std::to_string(index) +
           "/v1/messages?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9480\r\nauthorization: mine\r\nAUTHORIZATION: "
           "too\r\nContent-Length: "
           "4\r\n\r\nbody";
  };
  const Wire client = egress.proxy();
  client.send(request(0));
  const Wire outside = server.accept();
  const std::string redirect = "HTTP/1.1 302 Found\r\nLocation: http://evil.example.org/\r\nConnection: close\r\n\r\n";
  CHECK(tls.serve(outside, redirect) ==
        "POST /v1/messages?x=1 HTTP/1.1\r\nHost: api.example.org\r\ncontent-length: 4\r\nauthorization: Bearer " +
            secret + "\r\naccept-encoding: identity\r\nConnection: close\r\n\r\nbody");
  CHECK(client.readAll() == redirect);
  std::string told;
  const Wire unverified = egress.proxy();
  unverified.send(request(1));
  CHECK(tls.serve(server.accept(), redirect).empty());
  told += unverified.readAll();
  CHECK(told.starts_with("HTTP/1.1 502"));
  for (const int index : {2, 3, 4, 99}) {
    const Wire refused = egress.proxy();
    refused.send(request(index));
    const std::string answered = refused.readAll();
    CHECK(answered.starts_with(index == 2 ? "HTTP/1.1 403" : "HTTP/1.1 502"));
    told += answered;
  }
  for (const char* path :
       {"/.ringfence/credential/", "/.ringfence/credential/x/", "/.ringfence/credential/0x", "/other"}) {
    const Wire odd = egress.proxy();
    odd.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: 127.0.0.1:9480\r\n\r\n");
    told += odd.readAll();
  }
  const Wire trace = egress.proxy();
  trace.send("Trace /.ringfence/credential/0/ HTTP/1.1\r\nHost: 127.0.0.1:9480\r\n\r\n");
  CHECK(trace.readAll().starts_with("HTTP/1.1 400"));
  CHECK(!has(told, secret));
  CHECK(!has(egress.denialsText(), secret));
  CHECK(!server.hasClient());
}

TEST_CASE("egress: rules without the values of credentials keep those that it has, each for its own host") {
  const TempDir directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  TlsServer tls("api.example.org", directory.path() + "/anchors.pem");
  EgressProcess egress({"--trust-anchors", directory.path() + "/anchors.pem"});
  egress.setName("api.example.org", {"198.51.100.1"});
  const Server server("198.51.100.1", 443);
  policy::Network network = allowing({host("api.example.org", 443), host("other.example.org", 443)});
  policy::Credential credential;
  credential.host = "api.example.org";
  credential.header = "x-api-key";
  network.credentials = {credential};
  egress.giveRules(network, {"sk-kept"});
  policy::Credential other = credential;
  other.host = "other.example.org";
  network.credentials = {other, credential};
  egress.giveRules(network);
  egress.expect<RulesInForce>([](const RulesInForce& one) { return one.generation == 2; });
  const auto request = [](int index) {
    return "GET /.ringfence/credential/" + std::to_string(index) + "/v1 HTTP/1.1\r\nHost: 127.0.0.1:9480\r\n\r\n";
  };
  const Wire unknown = egress.proxy();
  unknown.send(request(0));
  CHECK(unknown.readAll().starts_with("HTTP/1.1 502"));
  const Wire client = egress.proxy();
  client.send(request(1));
  const Wire outside = server.accept();
  CHECK(has(tls.serve(outside, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), "x-api-key: sk-kept\r\n"));
  CHECK(client.readAll().starts_with("HTTP/1.1 204"));
}
