#include "sandbox/kernel/folder_memory.h"

#include <dirent.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cstring>
#include <utility>

namespace ringfence::sandbox {
namespace {

constexpr std::int64_t kSettleSeconds = 1;
constexpr unsigned long kXfsMagic = 0x58465342;

struct NewsHead {
  FolderStamp stamp;
  std::uint32_t count = 0;
  std::uint32_t names = 0;
  std::uint32_t watched = 0;  // and one, where they are known
};

std::size_t namesOf(const KnownFolder& folder) {
  return folder.names.size() + (folder.watched ? folder.watched->size() : 0);
}

template <typename T>
bool takeValue(std::string_view& text, T& value) {
  if (text.size() < sizeof value) return false;
  std::memcpy(&value, text.data(), sizeof value);
  text.remove_prefix(sizeof value);
  return true;
}

template <typename T>
void addValue(std::string& text, const T& value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string textOf(const KnownFolder& folder) {
  std::string text;
  addValue(text, NewsHead{folder.stamp, folder.count, static_cast<std::uint32_t>(folder.names.size()),
                          static_cast<std::uint32_t>(folder.watched ? folder.watched->size() + 1 : 0)});
  for (const auto& one : folder.names) {
    addValue(text, one.kind);
    text += one.name + '\0';
  }
  for (const auto& name : folder.watched.value_or(std::vector<std::string>())) text += name + '\0';
  return text;
}

bool takeName(std::string_view& text, std::string& name) {
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos || end == 0) return false;
  name = text.substr(0, end);
  if (name.find('/') != std::string::npos || name == "." || name == "..") return false;
  text.remove_prefix(end + 1);
  return true;
}

bool takeFolder(std::string_view& text, KnownFolder& folder) {
  NewsHead head;
  if (!takeValue(text, head) || head.names > head.count || head.names > kMaxKnownNames) return false;
  if (head.watched > kMaxWatchedNames + 1) return false;
  folder.stamp = head.stamp;
  folder.count = head.count;
  for (std::uint32_t i = 0; i < head.names; ++i) {
    KnownFolder::Name one;
    if (!takeValue(text, one.kind) || !takeName(text, one.name)) return false;
    folder.names.push_back(std::move(one));
  }
  if (head.watched == 0) return true;
  for (std::string& name : folder.watched.emplace(head.watched - 1)) {
    if (!takeName(text, name)) return false;
  }
  return true;
}

}  // namespace

FolderStamp FolderStamp::of(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

bool FolderStamp::isSettled(const timespec& now) const {
  const std::int64_t whole = now.tv_sec - seconds;
  return whole > kSettleSeconds || (whole == kSettleSeconds && now.tv_nsec >= nanoseconds);
}

void FolderMemory::clear() {
  folders_.clear();
  news_.clear();
  names_ = 0;
}

void FolderMemory::restart(const FirstBytes& first) {
  clear();
  first_ = first;
}

void FolderMemory::lookFor(const FirstBytes& first) {
  if ((first & ~first_).any()) restart(first);
}

const KnownFolder* FolderMemory::find(const FolderStamp& stamp) const {
  const auto found = folders_.find({stamp.device, stamp.inode});
  return found != folders_.end() && found->second.stamp == stamp ? &found->second : nullptr;
}

bool FolderMemory::put(KnownFolder folder) {
  const std::pair key{folder.stamp.device, folder.stamp.inode};
  if (const auto old = folders_.find(key); old != folders_.end()) {
    names_ -= namesOf(old->second);
    folders_.erase(old);
  }
  if (folders_.size() >= kMaxKnownFolders || names_ + namesOf(folder) > kMaxKnownNames) return false;
  names_ += namesOf(folder);
  folders_.emplace(key, std::move(folder));
  return true;
}

void FolderMemory::learn(KnownFolder folder) {
  const std::pair key{folder.stamp.device, folder.stamp.inode};
  if (folders_.size() >= kMaxKnownFolders || names_ + namesOf(folder) > kMaxKnownNames) clear();
  if (put(std::move(folder))) news_.push_back(key);
}

std::string FolderMemory::takeNews(std::size_t maxSize) {
  std::string text;
  const auto news = std::exchange(news_, {});
  if (news.empty()) return text;
  for (std::size_t byte = 0; byte < first_.size(); ++byte) text += first_.test(byte) ? '1' : '0';
  for (const auto& key : news) {
    const auto found = folders_.find(key);
    if (found == folders_.end()) continue;
    const std::string one = textOf(found->second);
    if (text.size() + one.size() <= maxSize) text += one;
  }
  return text;
}

void FolderMemory::absorb(std::string_view news) {
  FirstBytes first;
  if (news.size() < first.size()) return clear();
  for (std::size_t byte = 0; byte < first.size(); ++byte) first.set(byte, news[byte] == '1');
  news.remove_prefix(first.size());
  if (first != first_) restart(first);  // What is told lacks the names of other first bytes.
  while (!news.empty()) {
    KnownFolder folder;
    if (!takeFolder(news, folder) || !put(std::move(folder))) return clear();
  }
}

bool keepsTimesOfChange(int folder) {
  struct statfs about {};
  if (::fstatfs(folder, &about) != 0) return false;
  switch (static_cast<unsigned long>(about.f_type)) {
    case TMPFS_MAGIC:
    case EXT4_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case kXfsMagic: return true;
    default: return false;
  }
}

}  // namespace ringfence::sandbox
