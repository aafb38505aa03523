#include <fcntl.h>
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <set>

#include "sdk/base/clock.h"
#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "sdk/base/output_ring.h"
#include "sdk/base/result.h"
#include "sdk/base/run_id.h"
#include "sdk/base/sha256.h"
#include "sdk/base/whole_number.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;

namespace {

bool isOpen(int fd) { return fcntl(fd, F_GETFD) != -1; }

Result<int> half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kInvalid, "odd"};
  return n / 2;
}

Result<int> quarter(int n) {
  const int once = RF_TRY(half(n));
  return half(once);
}

}  // namespace

TEST_CASE("RF_TRY yields the value or returns the error") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).error().message == "odd");
  CHECK(std::move(quarter(6).error()).with("quartering 6").message == "quartering 6: odd");
}

TEST_CASE("a posix error names the object and carries errno and what can be done") {
  const Error error = posixError(EACCES, "opening /x");
  CHECK(error.code == ErrorCode::kDenied);
  CHECK(error.sysErrno == EACCES);
  CHECK(error.message == "opening /x: Permission denied");
}

TEST_CASE("UniqueFd closes what it held on move assignment, and survives moving into itself") {
  UniqueFd a(open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd b(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int first = a.get();
  const int second = b.get();
  a = std::move(b);
  CHECK_FALSE(isOpen(first));
  CHECK(a.get() == second);
  UniqueFd& alias = a;
  a = std::move(alias);
  CHECK(isOpen(second));
  a.reset();
  CHECK_FALSE(isOpen(second));
}

TEST_CASE("run ids are well formed, distinct, and nothing else parses as one") {
  const RunId a = RunId::random();
  CHECK(a != RunId::random());
  CHECK(RunId::parse(a.text()) == a);
  for (const char* bad :
       {"", "r-", "r-0123456789ABCDEF", "r-0123456789abcde", "../../etc/passwd12", "r-0123456789abcde/"}) {
    CHECK_FALSE(RunId::parse(bad));
  }
}

TEST_CASE("times are written as RFC 3339 in UTC with microseconds") {
  CHECK(formatRfc3339(Microseconds(0)) == "1970-01-01T00:00:00.000000Z");
  CHECK(formatRfc3339(Microseconds(1764292370123456)) == "2025-11-28T01:12:50.123456Z");
}

TEST_CASE("SHA-256 agrees with the published vector") {
  CHECK(sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("reading stops at the limit with a message that names the file") {
  const test::TempDir dir;
  const std::string file = dir.write("big", std::string(2000, 'x'));
  CHECK(readFileAt(AT_FDCWD, file, Bytes{4000}).value().size() == 2000);
  const auto over = readFileAt(AT_FDCWD, file, Bytes{100});
  REQUIRE_FALSE(over);
  CHECK(over.error().code == ErrorCode::kInvalid);
  CHECK(over.error().message.find(file) != std::string::npos);
}

TEST_CASE("packets carry bytes and descriptors, and an oversized one is refused with its descriptors closed") {
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd left(pair[0]);
  const UniqueFd right(pair[1]);
  const UniqueFd passed(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const int fds[] = {passed.get(), passed.get()};
  REQUIRE(sendPacket(left.get(), "hello", fds));
  const Packet packet = receivePacket(right.get(), Bytes{64}).value();
  CHECK(packet.bytes == "hello");
  REQUIRE(packet.fds.size() == 2);
  char zero = 1;
  CHECK(read(packet.fds[1].get(), &zero, 1) == 1);
  CHECK(zero == 0);
  CHECK((fcntl(packet.fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);

  REQUIRE(sendPacket(left.get(), std::string(65, 'x'), fds));
  CHECK(receivePacket(right.get(), Bytes{64}).error().code == ErrorCode::kInvalid);
}

TEST_CASE("a sealed memfd cannot be changed") {
  const UniqueFd fd = sealedMemfd("test", "content").value();
  CHECK(write(fd.get(), "x", 1) == -1);
  CHECK(readAll(fd.get(), Bytes{100}, "memfd").value() == "content");
}

TEST_CASE("the output ring gives everything once, and says what a slow reader lost") {
  OutputRingWriter writer = OutputRingWriter::create(Bytes{64}).value();
  OutputRingReader reader = OutputRingReader::open(UniqueFd(dup(writer.fd()))).value();
  writer.append("one ");
  CHECK(reader.read().bytes == "one ");
  CHECK(reader.read().bytes.empty());
  writer.append(std::string(100, 'x') + "end");
  const OutputRingReader::Chunk chunk = reader.read();
  CHECK(chunk.bytes.size() == 64);
  CHECK(chunk.skipped == 39);
  CHECK(chunk.bytes.ends_with("xend"));
  CHECK_FALSE(chunk.ended);
  writer.end();
  CHECK(reader.read().ended);
}

TEST_CASE("a number is digits alone that fit, without a sign, a blank or anything behind them") {
  CHECK(wholeNumber<int>("0") == 0);
  CHECK(wholeNumber<int>("2147483647") == 2147483647);
  CHECK(wholeNumber<std::uint16_t>("65535") == 65535);
  CHECK(wholeNumber<std::uint32_t>("fF", 16) == 255U);
  for (const char* text : {"", "-1", "-0", "+1", " 1", "1 ", "1a", "0x1", "2147483648", "."}) {
    INFO(text);
    CHECK_FALSE(wholeNumber<int>(text));
  }
  CHECK_FALSE(wholeNumber<std::uint16_t>("65536"));
}

TEST_CASE("a directory yields each of its entries once, and itself from the beginning each time it is opened") {
  test::TempDir folder;
  folder.write("one", "");
  folder.write(".two", "");
  folder.makeDirectory("three");
  const UniqueFd opened = openAt(AT_FDCWD, folder.path(), O_RDONLY | O_DIRECTORY).value();
  for (int time = 0; time < 2; ++time) {
    Directory directory = Directory::open(opened.get(), ".").value();
    std::multiset<std::string> names;
    while (const dirent* entry = directory.next()) names.insert(entry->d_name);
    CHECK(names == std::multiset<std::string>{".two", "one", "three"});
    CHECK(directory.trouble() == 0);
  }
  CHECK(Directory::open(opened.get(), "one").error().sysErrno == ENOTDIR);
  CHECK(Directory::open(opened.get(), "four").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a file that is no output ring is refused") {
  const UniqueFd fd = sealedMemfd("test", std::string(5000, 'x')).value();
  CHECK(OutputRingReader::open(UniqueFd(dup(fd.get()))).error().code == ErrorCode::kInvalid);
}
