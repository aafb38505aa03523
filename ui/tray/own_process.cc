#include "ui/tray/own_process.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace ringfence::ui {

FrontProcess ownProcess(std::int32_t pid) {
  struct stat process {};
  const bool isOwn =
      pid > 0 && ::stat(("/proc/" + std::to_string(pid)).c_str(), &process) == 0 && process.st_uid == ::getuid();
  return isOwn ? FrontProcess(pid) : std::nullopt;
}

}  // namespace ringfence::ui
