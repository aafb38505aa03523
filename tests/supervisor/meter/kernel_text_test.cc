#include "supervisor/meter/kernel_text.h"

#include <catch2/catch_all.hpp>
#include <string>

using namespace ringfence::supervisor;

TEST_CASE("a number counts when it is whole and alone on its line") {
  CHECK(parseNumberLine("0\n") == 0);
  CHECK(parseNumberLine("18446744073709551615\n") == 18446744073709551615ULL);
  for (const char* text :
       {"", "\n", "12", "-1\n", "+1\n", " 1\n", "1 \n", "1\n2\n", "max\n", "18446744073709551616\n", "0x1\n"})
    CHECK_FALSE(parseNumberLine(text));
  CHECK_FALSE(parseNumberLine(std::string_view("1\0\n", 3)));
}

TEST_CASE("a number is found by its whole key in a whole line") {
  const std::string text = "usage_usec_x 1\nusage_usec 2\nuser_usec 3\n";
  CHECK(findNumber(text, "usage_usec") == 2);
  CHECK_FALSE(findNumber(text, "usage"));
  CHECK_FALSE(findNumber("usage_usec 12", "usage_usec"));
  CHECK_FALSE(findNumber("usage_usec\n", "usage_usec"));
  CHECK_FALSE(findNumber("usage_usec 1k\n", "usage_usec"));
}

TEST_CASE("time waited is the total of the line of some") {
  CHECK(parseStall("some avg10=0.00 avg60=1.50 avg300=0.00 total=77\nfull avg10=0.00 total=5\n") == 77);
  CHECK(parseStall("full avg10=0.00 total=5\nsome avg10=0.00 total=6\n") == 6);
  for (const char* text : {"", "full avg10=0.00 total=5\n", "some avg10=0.00\n", "some total=\n", "some total=1 x\n",
                           "some avg10=0.00 total=77", "something total=4\n"})
    CHECK_FALSE(parseStall(text));
}

TEST_CASE("memory.stat of v1 is read with the groups below") {
  const auto stat = parseMemoryStat(
      "rss 1\nshmem 1\nswap 1\ntotal_rss 100\ntotal_rss_huge 9\ntotal_shmem 7\n"
      "total_workingset_refault_anon 3\ntotal_workingset_refault_file 4\ntotal_swap 50\n",
      GroupVersion::kFirst);
  CHECK(stat == MemoryStat{100, 7, 50, 7});
}

TEST_CASE("memory.stat of v2, and of kernels that do not tell two kinds of refaults apart") {
  CHECK(parseMemoryStat("anon 100\nfile 1\nshmem 7\nworkingset_refault_anon 3\nworkingset_refault_file 4\n",
                        GroupVersion::kSecond) == MemoryStat{100, 7, std::nullopt, 7});
  CHECK(parseMemoryStat("anon 100\nworkingset_refault 8\n", GroupVersion::kSecond) ==
        MemoryStat{100, std::nullopt, std::nullopt, 8});
}

TEST_CASE("half of the refaults are not taken for all") {
  CHECK_FALSE(parseMemoryStat("workingset_refault_anon 3\n", GroupVersion::kSecond).refaults);
  CHECK_FALSE(
      parseMemoryStat("workingset_refault_anon 3\nworkingset_refault_file x\n", GroupVersion::kSecond).refaults);
  CHECK_FALSE(parseMemoryStat("workingset_refault_anon 18446744073709551615\nworkingset_refault_file 1\n",
                              GroupVersion::kSecond)
                  .refaults);
}

TEST_CASE("io.stat is summed over disks, without what passes on to them") {
  const std::string text =
      "254:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n253:0 rbytes=100 wbytes=20 rios=1 wios=1\n";
  CHECK(parseIoStat(text, {}) == ByteCounts{200, 40});
  const DeviceNumber mapper{253, 0};
  CHECK(parseIoStat(text, {&mapper, 1}) == ByteCounts{100, 20});
  CHECK(parseIoStat("", {}) == ByteCounts{});
  CHECK(parseIoStat("7:1 7:0 8:0 rbytes=5 wbytes=6\n", {}) == ByteCounts{5, 6});
  CHECK(parseIoStat("8:0 cost.usage=3\n", {}) == ByteCounts{});
}

TEST_CASE("io.stat that is cut or not understood is unknown as a whole") {
  for (const char* text :
       {"8:0 rbytes=1 wbytes=2", "8:0 rbytes=1 wbytes=2\n8:1 rb", "x:0 rbytes=1 wbytes=2\n", "rbytes=1\n",
        "8:0 rbytes=-1 wbytes=1\n", "8:4294967296 rbytes=1\n", "8:0 rbytes=18446744073709551615\n8:1 rbytes=1\n"})
    CHECK_FALSE(parseIoStat(text, {}));
}

TEST_CASE("the bytes of v1 are summed over disks, and without a disk or the last line they are unknown") {
  const std::string text =
      "254:0 Read 100\n254:0 Write 20\n254:0 Sync 120\n254:0 Async 0\n254:0 Discard 9\n254:0 Total 129\n"
      "253:0 Read 100\n253:0 Write 20\n253:0 Total 120\n";
  CHECK(parseServiceBytes(text + "Total 249\n", {}) == ByteCounts{200, 40});
  const DeviceNumber mapper{253, 0};
  CHECK(parseServiceBytes(text + "Total 249\n", {&mapper, 1}) == ByteCounts{100, 20});
  CHECK_FALSE(parseServiceBytes("Total 0\n", {}));
  for (const std::string& broken : {std::string(), text, text + "Total 249", "254:0 Read x\nTotal 1\n" + text})
    CHECK_FALSE(parseServiceBytes(broken, {}));
}

TEST_CASE("a list of processes is whole or nothing, without those that have no number here") {
  CHECK(parseProcessList("12\n0\n7\n") == std::vector<int>{12, 7});
  CHECK(parseProcessList("") == std::vector<int>{});
  for (const char* text : {"12", "12\nx\n", "2147483648\n", "-3\n", "\n"}) CHECK_FALSE(parseProcessList(text));
}

TEST_CASE("busy is neither idle nor waiting nor stolen, and guests are not counted twice") {
  CHECK(parseBusyTicks("cpu  1 20 300 4000 50000 600000 7000000 80000000 9 9\ncpu0 1 1 1 1\n") == 7600321);
  CHECK(parseBusyTicks("cpu  1 2 3 4\n") == 6);
  for (const char* text : {"", "cpu  1 2 3\n", "cpu0 1 2 3 4 5\n", "cpu  1 2 x 4 5\n", "cpu  1 2 3 4 5 6 7 8",
                           "cpu  18446744073709551615 1 0 0\n"})
    CHECK_FALSE(parseBusyTicks(text));
}

TEST_CASE("who waits for a file lock is told with who has it") {
  const char* const text =
      "1: POSIX  ADVISORY  WRITE 14595 fe:00:11215058 120 120\n"
      "2: FLOCK  ADVISORY  WRITE 700 fe:00:99 0 EOF\n"
      "2: -> FLOCK  ADVISORY  WRITE 701 fe:00:99 0 EOF\n"
      "2:  -> FLOCK  ADVISORY  WRITE 702 fe:00:99 0 EOF\n"
      "3: OFDLCK ADVISORY  READ -1 fe:00:98 0 EOF\n"
      "3: -> OFDLCK ADVISORY  WRITE 703 fe:00:98 0 EOF\n";
  CHECK(parseLockWaits(text) == std::vector<LockWait>{{700, 701}, {700, 702}});
  CHECK(parseLockWaits("") == std::vector<LockWait>{});
  CHECK(parseLockWaits("9: -> POSIX ADVISORY WRITE 5 0:0:0 0 EOF\n") == std::vector<LockWait>{});
  for (const char* odd :
       {"1: POSIX ADVISORY WRITE 7 0:0:0 0 EOF", "1 POSIX ADVISORY WRITE 7\n", "1: POSIX ADVISORY WRITE\n",
        "x: POSIX ADVISORY WRITE 7\n", "1: POSIX ADVISORY WRITE 2147483648\n", "\n"})
    CHECK_FALSE(parseLockWaits(odd));
}

TEST_CASE("processors are counted from ranges") {
  CHECK(countProcessors("0\n") == 1);
  CHECK(countProcessors("0-3,8,10-11\n") == 7);
  for (const char* text : {"", "\n", "0-3", "3-0\n", "0-\n", "0,,1\n", "a\n", "0-4294967295\n", "0-99999999\n"})
    CHECK_FALSE(countProcessors(text));
}

TEST_CASE("of /proc/meminfo each number stands for itself") {
  CHECK(parseMemoryInfo("MemTotal:  4 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\nSwapFree: 0 kB\n") ==
        MemoryInfo{4096, 2048, 0});
  CHECK(parseMemoryInfo("MemTotal: 4 kB\nMemAvailable: 2\nSwapFree: x kB\n") ==
        MemoryInfo{4096, std::nullopt, std::nullopt});
  CHECK(parseMemoryInfo("MemTotal: 4 kB\nSwapFree: 7 k") == MemoryInfo{4096, std::nullopt, std::nullopt});
  CHECK_FALSE(parseMemoryInfo("MemTotal: 18446744073709551615 kB\n").totalBytes);
}

TEST_CASE("/proc/diskstats is read in sectors of 512 bytes, and a line that is not understood makes it unknown") {
  const std::string vda = " 254       0 vda 1 2 30 4 5 6 70 8 0 9 10 11 12 13 14 15 16\n";
  CHECK(parseDiskStats(vda) == std::vector<DiskLine>{{{254, 0}, "vda", {15360, 35840}}});
  CHECK(parseDiskStats("") == std::vector<DiskLine>{});
  for (const std::string& broken :
       {vda.substr(0, vda.size() - 1), vda + " 8 0\n", std::string("8 0 sda 1 2 3 4 5 6 x\n"),
        std::string("8 0 sda 1 2 99999999999999999999 4 5 6 7\n"), "8 0 " + std::string(65, 'x') + " 1 2 3 4 5 6 7\n",
        std::string("\n")})
    CHECK_FALSE(parseDiskStats(broken));
}
