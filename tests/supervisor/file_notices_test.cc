#include "supervisor/file_notices.h"

#include <fcntl.h>
#include <poll.h>

#include <catch2/catch_all.hpp>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

namespace ringfence::supervisor {
namespace {

bool isReadable(int fd) {
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a write to a watched file is told once however often it was, and none to another") {
  test::TempDir dir;
  dir.write("group/one", "0\n");
  dir.write("group/other", "0\n");
  dir.write("group/third", "0\n");
  const UniqueFd root = openAt(AT_FDCWD, dir.path(), O_PATH | O_DIRECTORY).value();
  FileNotices notices = FileNotices::create().value();
  const auto one = notices.watch(root.get(), "group/one").value();
  const auto other = notices.watch(root.get(), "group/other").value();
  CHECK(notices.watch(root.get(), "group/one").value() == one);
  CHECK_FALSE(isReadable(notices.fd()));
  CHECK(notices.take().changed.empty());

  REQUIRE(writeFileAt(root.get(), "group/third", "1"));
  CHECK_FALSE(isReadable(notices.fd()));
  for (const char* file : {"group/other", "group/one", "group/other"}) REQUIRE(writeFileAt(root.get(), file, "1"));
  CHECK(isReadable(notices.fd()));
  CHECK(notices.take().changed == std::vector{one, other});
  CHECK_FALSE(isReadable(notices.fd()));

  notices.forget(one);
  REQUIRE(writeFileAt(root.get(), "group/one", "0"));
  REQUIRE(writeFileAt(root.get(), "group/other", "0"));
  const auto told = notices.take();
  CHECK(told.changed == std::vector{other});
  CHECK_FALSE(told.lost);
}

TEST_CASE("a file that is not there cannot be watched") {
  test::TempDir dir;
  const UniqueFd root = openAt(AT_FDCWD, dir.path(), O_PATH | O_DIRECTORY).value();
  FileNotices notices = FileNotices::create().value();
  const auto watched = notices.watch(root.get(), "none");
  REQUIRE_FALSE(watched);
  CHECK(watched.error().code == ErrorCode::kNotFound);
}

}  // namespace ringfence::supervisor
