#include "sandbox/warden/exec_block.h"

#include <cstring>

namespace ringfence::sandbox {

std::uint64_t execBlockSize(const std::string& path, const std::vector<std::string>& argv) {
  std::uint64_t size = (argv.size() + 1) * sizeof(std::uint64_t) + path.size() + 1;
  for (const std::string& argument : argv) size += argument.size() + 1;
  return size;
}

ExecBlock makeExecBlock(std::uint64_t base, const std::string& path, const std::vector<std::string>& argv) {
  ExecBlock block{.argv = base};
  std::string texts;
  const std::uint64_t first = base + (argv.size() + 1) * sizeof(std::uint64_t);
  const auto place = [&](const std::string& text) {
    const std::uint64_t at = first + texts.size();
    texts += text;
    texts += '\0';
    return at;
  };
  std::vector<std::uint64_t> pointers;
  block.path = place(path);
  for (const std::string& argument : argv) pointers.push_back(place(argument));
  pointers.push_back(0);
  block.bytes.assign(reinterpret_cast<const char*>(pointers.data()), pointers.size() * sizeof(std::uint64_t));
  block.bytes += texts;
  return block;
}

}  // namespace ringfence::sandbox
