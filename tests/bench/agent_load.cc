// What agents do to a machine, in its worst kinds.
//
//   agent_load KIND WORKERS FOLDER
//
//   spin       arithmetic
//   fork       short-lived processes, eight at a time, as compilers and test runners start them
//   kernel     memory that the kernel maps, fills and takes back, 32 MiB at a time
//   bandwidth  writes through 64 MiB of memory
//   burst      a working set that grows fifteenfold for a moment, to 300 MiB
//   disk       8 MiB written to a file in FOLDER and forced to the disk
//
// Runs until it is killed.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void spin(std::uint64_t steps) {
  volatile std::uint64_t state = 1;
  for (std::uint64_t step = 0; step < steps; ++step) state = state * 6364136223846793005ULL + 1;
}

void forkStorm() {
  constexpr int kTogether = 8;
  for (int i = 0; i < kTogether; ++i) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      spin(100'000);
      _exit(0);
    }
  }
  while (wait(nullptr) > 0) {}
}

void mapAndUnmap(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  munmap(memory, bytes);
}

void writeThrough() {
  constexpr std::size_t kBytes = 64UL << 20;
  static std::vector<char> memory(kBytes);
  static int value = 0;
  std::memset(memory.data(), ++value, memory.size());
  asm volatile("" : : "r"(memory.data()) : "memory");
}

void burst() {
  constexpr std::size_t kSmall = 20UL << 20;
  for (int i = 0; i < 5; ++i) mapAndUnmap(kSmall);
  mapAndUnmap(kSmall * 15);
}

void writeToDisk(const std::string& folder) {
  static const std::vector<char> block(8UL << 20, 'x');
  const std::string path = folder + "/load-" + std::to_string(getpid());
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, block.data(), block.size()) < 0 || fsync(file) != 0) die(path.c_str());
  close(file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: agent_load KIND WORKERS FOLDER\n", stderr);
    return 2;
  }
  const std::string folder = argv[3];
  const std::map<std::string, std::function<void()>> kinds{
      {"spin", [] { spin(300'000); }}, {"fork", forkStorm}, {"kernel", [] { mapAndUnmap(32UL << 20); }},
      {"bandwidth", writeThrough},     {"burst", burst},    {"disk", [&] { writeToDisk(folder); }},
  };
  const auto unit = kinds.find(argv[1]);
  if (unit == kinds.end()) die("no such kind of load");
  for (int worker = 1; worker < std::atoi(argv[2]); ++worker) {
    if (fork() == 0) break;
  }
  for (;;) unit->second();
}
