#include "sandbox/launcher/child.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "sandbox/kernel/identity.h"
#include "sandbox/kernel/landlock.h"
#include "sandbox/kernel/mounts.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/posture.h"
#include "sandbox/kernel/root.h"
#include "sandbox/kernel/seccomp.h"
#include "sandbox/launcher/agent_socket.h"
#include "sandbox/launcher/fault.h"
#include "sandbox/launcher/given_input.h"
#include "sandbox/launcher/guard_child.h"
#include "sandbox/launcher/knockout.h"
#include "sandbox/launcher/report.h"
#include "sandbox/launcher/rest.h"
#include "sandbox/launcher/run_init.h"
#include "sandbox/plan/agent_socket.h"
#include "sandbox/wire/long_message.h"

namespace ringfence::sandbox {
namespace {

constexpr int kReportFd = 3;
constexpr Bytes kMaxFolderNews = kibibytes(96);

class Builder {
 public:
  Builder(int control, const char* attachPoint, Inherited inherited, int scope)
      : control_(control), attachPoint_(attachPoint), inherited_(inherited), scope_(scope) {}

  Result<void> prepare();
  Result<void> receive();
  Result<void> buildAhead(std::string_view forecast);
  void walkAhead(const Packet& packet);
  Result<void> build();
  Result<void> close();
  Result<void> reportBuilt();
  void forgetBuilding();

  std::string token = "launcher";  // what a failure is called
  Plan plan;

 private:
  bool wants(Wall wall) const { return !isLeftOut(wall) && wantedStrength(plan, wall) != policy::WallStrength::kOff; }
  // A failure of a wall that is only best-effort is noted; the posture shows that it is missing.
  Result<void> tolerate(Wall wall, Result<void> result);
  Result<void> enterHostNamespaces();
  Result<void> buildMounts();
  Result<void> reportPlaceholders(const std::vector<RootBuilder::Placeholder>& files);
  Result<void> openDenials();
  Result<void> openAgentSocket();
  Result<void> installFilter();
  Result<void> openTerminal();
  Result<void> becomeRun();
  void protectInput();
  Result<void> placeStdio();
  UniqueFd takeExtra(Extra extra);

  int control_;
  const char* attachPoint_;
  Inherited inherited_;
  int scope_;
  std::vector<UniqueFd> fds_;
  std::int32_t extras_ = 0;
  std::vector<UniqueFd> extraFds_;
  BpfProgram program_;
  UniqueFd output_, master_, slave_, agentSocket_;
  Plan forecast_;
  std::unique_ptr<RootBuilder> root_;
  CanaryErrnos before_, after_;
  std::vector<std::string> notes_;
};

// The greater part of what is kept: the table of all system calls, and the filter made of it.
void Builder::forgetBuilding() {
  plan.seccomp = {};
  inherited_.table = {};
  program_ = {};
  forecast_ = {};
}

// While nothing is known of the run: what every run needs and what takes long.
Result<void> Builder::prepare() {
  token = "privileges";
  RF_TRY(resetInherited());
  token = "net";
  return bringLoopbackUp();
}

Result<void> Builder::receive() {
  restUntilReadable(control_);
  Packet packet = RF_TRY(receivePacket(control_, kMaxWirePacket));
  for (;;) {
    if (const auto forecast = textOf(packet.bytes, OrderKind::kForecast))
      RF_TRY(buildAhead(*forecast));
    else if (textOf(packet.bytes, OrderKind::kWorkspace))
      walkAhead(packet);
    else
      break;
    restUntilReadable(control_);
    packet = RF_TRY(receivePacket(control_, kMaxWirePacket));
  }
  token = "launcher";
  if (packet.bytes.empty()) _exit(0);  // Abandoned before it had a plan.
  LauncherRequest request = RF_TRY(decodeRequest(packet, &inherited_.table));
  auto* launch = std::get_if<Launch>(&request);
  if (launch == nullptr) return Error{ErrorCode::kInternal, "the child got another message than a launch"};
  plan = std::move(launch->plan);
  fds_ = takeFds(std::move(packet));
  Report extras = RF_TRY(receiveReport(control_));
  if (extras.kind != static_cast<std::uint32_t>(OrderKind::kBuild) || extras.text.size() % sizeof(sock_filter) != 0) {
    return Error{ErrorCode::kInternal, "the child got no order to build"};
  }
  program_.resize(extras.text.size() / sizeof(sock_filter));
  std::memcpy(program_.data(), extras.text.data(), extras.text.size());
  extras_ = extras.value;
  extraFds_ = std::move(extras.fds);
  return {};
}

// Whatever goes wrong here goes wrong again, and is told, when the plan asks for it.
Result<void> Builder::buildAhead(std::string_view forecast) {
  auto request = decodeRequest(forecast, &inherited_.table);
  auto* launch = request ? std::get_if<Launch>(&*request) : nullptr;
  if (launch == nullptr || root_ || isLeftOut(Wall::kMount)) return {};
  forecast_ = std::move(launch->plan);
  forecast_.seccomp = {};
  root_ = std::make_unique<RootBuilder>(forecast_, attachPoint_, token, &inherited_.folders);
  if (root_->buildAhead()) return {};
  token = "mount";
  RF_TRY(root_->giveUp());
  root_.reset();
  return {};
}

void Builder::walkAhead(const Packet& packet) {
  if (root_ && packet.fds.size() == 1) (void)root_->walkAhead(packet.fds[0].get());
}

UniqueFd Builder::takeExtra(Extra extra) {
  const auto bit = static_cast<std::int32_t>(extra);
  if ((extras_ & bit) == 0) return {};
  std::size_t place = 0;
  for (std::int32_t lower = 1; lower < bit; lower <<= 1) place += (extras_ & lower) != 0 ? 1 : 0;
  return place < extraFds_.size() ? std::move(extraFds_[place]) : UniqueFd();
}

Result<void> Builder::tolerate(Wall wall, Result<void> result) {
  if (result || wantedStrength(plan, wall) == policy::WallStrength::kRequired) return result;
  notes_.push_back(std::string(wallName(wall)) + ": " + result.error().message);
  return {};
}

Result<void> Builder::enterHostNamespaces() {
  struct Host {
    Extra extra;
    Wall wall;
  };
  for (const Host host :
       {Host{Extra::kHostNet, Wall::kNet}, {Extra::kHostIpc, Wall::kIpc}, {Extra::kHostUts, Wall::kUts}}) {
    token = wallName(host.wall);
    if (UniqueFd fd = takeExtra(host.extra)) RF_TRY(enterNamespace(fd.get(), wallName(host.wall)));
  }
  token = "uts";
  if (wants(Wall::kUts)) RF_TRY(tolerate(Wall::kUts, setHostName(plan.hostname)));
  token = "cgroup";
  return wants(Wall::kCgroup) ? tolerate(Wall::kCgroup, unshareCgroups()) : Result<void>{};
}

// One report for those that follow each other in one directory.
Result<void> Builder::reportPlaceholders(const std::vector<RootBuilder::Placeholder>& files) {
  for (std::size_t next = 0; next < files.size();) {
    const auto directory = files[next].directory;
    std::string text;
    for (; next < files.size() && files[next].directory == directory && text.size() < kibibytes(64).count; ++next) {
      const auto& file = files[next];
      text += file.name + '\0' + std::to_string(file.device) + '\0' + std::to_string(file.inode) + '\0';
    }
    const int fds[] = {directory->get()};
    RF_TRY(sendReport(control_, static_cast<std::uint32_t>(ReportKind::kPlaceholder), 0, 0, text, fds));
  }
  return {};
}

Result<void> Builder::buildMounts() {
  if (isLeftOut(Wall::kMount)) return {};
  const UniqueFd idmap = takeExtra(Extra::kIdmap);
  token = "mount";
  if (root_ && !RF_TRY(root_->adopt(plan))) root_.reset();
  if (!root_) root_ = std::make_unique<RootBuilder>(plan, attachPoint_, token, &inherited_.folders);
  RF_TRY(root_->build(fds_, idmap.get(), [this](const auto& held) { return reportPlaceholders(held); }));
  notes_.insert(notes_.end(), root_->notes().begin(), root_->notes().end());
  root_.reset();
  const std::string news = inherited_.folders.takeNews(kMaxFolderNews.count);
  if (news.empty()) return {};
  return sendReport(control_, static_cast<std::uint32_t>(ReportKind::kFolders), 0, 0, news);
}

// Where something of ours is made for the agent, in the run's own /run.
Result<UniqueFd> openFolderOf(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return posixError(errno, "making " + directory);
  return openAt(AT_FDCWD, directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

// Root's: what guards and daemon write is for the agent to read.
Result<void> Builder::openDenials() {
  if ((!plan.hasDenials && !plan.guards.warden && !plan.guards.egress) || isLeftOut(Wall::kMount)) return {};
  token = "mount";
  const std::string path = kDenialsFile;
  const UniqueFd place = RF_TRY(openFolderOf(path));
  const UniqueFd file = RF_TRY(
      openAt(place.get(), path.substr(path.rfind('/') + 1), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  const int fds[] = {file.get()};
  return sendReport(control_, static_cast<std::uint32_t>(ReportKind::kDenials), 0, 0, "", fds);
}

// The listening end leaves with the next report: the run connects to it and never has it.
Result<void> Builder::openAgentSocket() {
  if (!hasAgentSocket(plan) || isLeftOut(Wall::kMount)) return {};
  token = "mount";
  const UniqueFd folder = RF_TRY(openFolderOf(kAgentSocket));
  agentSocket_ = RF_TRY(listenForRun(kAgentSocket, plan.identity));
  return {};
}

Result<void> Builder::openTerminal() {
  if (plan.stdio != Stdio::kTerminal) return {};
  token = "terminal";
  // Not blocking: the keeper drains it beside a client that may read the same description.
  master_ = RF_TRY(openAt(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
  int unlock = 0;
  if (::ioctl(master_.get(), TIOCSPTLCK, &unlock) != 0) return posixError(errno, "unlocking the run's terminal");
  slave_.reset(::ioctl(master_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!slave_) return posixError(errno, "opening the run's terminal");
  if (::fchown(slave_.get(), plan.identity.uid, plan.identity.gid) != 0)
    return posixError(errno, "giving the terminal to the run");
  winsize size{};
  size.ws_row = plan.terminalRows;
  size.ws_col = plan.terminalColumns;
  if (::ioctl(slave_.get(), TIOCSWINSZ, &size) != 0) return posixError(errno, "sizing the run's terminal");
  return {};
}

// A warden judges what would be changed through it, by the name that the file has outside; the others cannot change it.
// Before mounts of its own are made, which cannot be copied from those of whoever gave it.
void Builder::protectInput() {
  if (plan.guards.warden || plan.stdio == Stdio::kTerminal || plan.stdio == Stdio::kCaptured) return;
  if (fds_.size() <= kStdioDescriptor || !wants(Wall::kMount)) return;
  UniqueFd opened = openedReadOnly(fds_[kStdioDescriptor].get());
  if (!opened) return;
  fds_[kStdioDescriptor] = std::move(opened);
  // Else a program that opens /dev/stdin is refused what it can read: from there no way leads up to a folder with a
  // rule.
  for (auto* rules : {&plan.landlock.inner, &plan.landlock.outer})
    rules->push_back({"/proc/self/fd/0", kLandlockReadFile});
}

Result<void> Builder::placeStdio() {
  token = "stdio";
  int wanted[3] = {-1, -1, -1};
  UniqueFd null;
  if (plan.stdio == Stdio::kTerminal) {
    wanted[0] = wanted[1] = wanted[2] = slave_.get();
  } else if (plan.stdio == Stdio::kCaptured) {
    null = RF_TRY(openAt(AT_FDCWD, "/dev/null", O_RDWR));
    wanted[0] = null.get();
    wanted[1] = wanted[2] = output_.get();
  } else {
    if (fds_.size() < kStdioDescriptor + 3)
      return Error{ErrorCode::kInvalid, "the three standard descriptors did not come"};
    for (std::size_t i = 0; i < 3; ++i) wanted[i] = fds_[kStdioDescriptor + i].get();
  }
  for (int i = 0; i < 3; ++i) {
    // Everything that came by SCM_RIGHTS or was opened here lies above the places that are filled.
    if (wanted[i] < 3 || ::dup2(wanted[i], i) < 0)
      return posixError(errno == 0 ? EBADF : errno, "placing the standard descriptors");
  }
  return {};
}

// The user namespace comes last, so the others stay beyond the capabilities that it gives for a moment.
Result<void> Builder::becomeRun() {
  token = "limits";
  if (wants(Wall::kLimits)) RF_TRY(tolerate(Wall::kLimits, setLimits(plan.rlimits)));
  if (isLeftOut(Wall::kPrivileges)) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return posixError(errno, "giving up new privileges");
    return {};
  }
  token = "privileges";
  RF_TRY(unshareUser(plan.identity.accountUid));
  const int listening[] = {agentSocket_.get()};
  const std::span<const int> leaving(listening, agentSocket_ ? 1 : 0);
  RF_TRY(sendReport(control_, static_cast<std::uint32_t>(ReportKind::kNeedMaps), 0, 0, "", leaving));
  agentSocket_.reset();
  RF_TRY(emptyBoundingSet());  // While the launcher writes them.
  const Report answer = RF_TRY(receiveReport(control_));
  if (answer.kind != static_cast<std::uint32_t>(OrderKind::kMapped)) {
    return Error{ErrorCode::kInternal, "the user namespace got no maps"};
  }
  return dropPrivileges(plan.identity);
}

Result<void> Builder::build() {
  output_ = takeExtra(Extra::kOutput);
  RF_TRY(enterHostNamespaces());
  protectInput();
  RF_TRY(buildMounts());
  RF_TRY(openDenials());
  RF_TRY(openAgentSocket());
  RF_TRY(openTerminal());
  RF_TRY(placeStdio());
  token = "terminal";
  RF_TRY(leadSession(plan));
  RF_TRY(becomeRun());
  token = "landlock";
  before_ = probeCanaries();
  before_.scope = scope_;
  if (plan.landlock.enabled && wants(Wall::kLandlock))
    RF_TRY(tolerate(Wall::kLandlock, restrictByLandlock(plan.landlock)));
  after_ = probeCanaries();
  return {};
}

// The terminal leaves, every descriptor but four is closed, and the filter falls: nothing of ours follows that an agent
// could not do.
Result<void> Builder::close() {
  if (master_) {
    token = "terminal";
    const int fds[] = {master_.get()};
    RF_TRY(sendReport(control_, static_cast<std::uint32_t>(ReportKind::kTerminal), 0, 0, "", fds));
  }
  token = "privileges";
  for (UniqueFd* fd : {&master_, &slave_, &output_}) fd->reset();
  fds_.clear();
  extraFds_.clear();
  RF_TRY(closeFrom(kReportFd + 1));
  return installFilter();
}

// A listener leaves at once: whoever holds it decides what the run may do. Without it nothing that is asked about would
// ever be answered, so then a missing filter is no weaker wall but no run.
Result<void> Builder::installFilter() {
  token = "seccomp";
  if (!wants(Wall::kSeccomp)) return {};
  if (!notifies(plan.seccomp)) {
    const int error = install(program_);
    return tolerate(Wall::kSeccomp,
                    error == 0 ? Result<void>{} : Result<void>(posixError(error, "installing the filter")));
  }
  const UniqueFd listener(installWithListener(program_));
  if (listener.get() == -EBUSY) return Error{ErrorCode::kBusy, kListenerTaken, EBUSY};
  if (!listener) return posixError(-listener.get(), "installing the filter with a listener");
  const int fds[] = {listener.get()};
  return sendReport(kReportFd, static_cast<std::uint32_t>(ReportKind::kListener), 0, 0, "", fds);
}

Result<void> Builder::reportBuilt() {
  std::string text;
  for (const auto& note : notes_) text += note + '\0';
  text.resize(std::min<std::size_t>(text.size(), kibibytes(48).count));
  return sendReport(control_, static_cast<std::uint32_t>(ReportKind::kBuilt), packCanaries(before_),
                    packCanaries(after_), text);
}

[[noreturn]] void fail(int control, const std::string& token, const Error& error) {
  const std::string text = token + '\0' + error.message;
  (void)sendReport(control, static_cast<std::uint32_t>(ReportKind::kFailed), error.sysErrno, 125, text);
  _exit(125);
}

Result<void> joinGroups(const std::vector<std::string>& files, std::string& token) {
  if (files.empty()) return {};
  token = "cgroup";
  const UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  for (const std::string& file : files) RF_TRY(writeFileAt(root.get(), file, "0"));
  return sendReport(kReportFd, static_cast<std::uint32_t>(ReportKind::kJoined), 0, 0, "");
}

Result<void> buildAll(Builder& builder, const std::vector<std::string>& joinFiles) {
  RF_TRY(joinGroups(joinFiles, builder.token));
  RF_TRY(builder.prepare());
  RF_TRY(builder.receive());
  armFault();
  RF_TRY(builder.build());
  RF_TRY(builder.close());
  return builder.reportBuilt();
}

}  // namespace

void runChild(int control, const char* attachPoint, Inherited inherited, const std::vector<std::string>& joinFiles,
              int scope) {
  (void)::prctl(PR_SET_NAME, "run-init");
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  armFault();
  // What the launcher holds for other runs is closed before anything else is done.
  if (control != kReportFd && ::dup3(control, kReportFd, O_CLOEXEC) < 0) _exit(125);
  if (auto closed = closeFrom(kReportFd + 1); !closed) fail(kReportFd, "launcher", closed.error());
  Builder builder(kReportFd, attachPoint, inherited, scope);
  if (auto built = buildAll(builder, joinFiles); !built) fail(kReportFd, builder.token, built.error());
  runInit(builder.plan, kReportFd, inherited.folders, [&builder] { builder.forgetBuilding(); });
}

}  // namespace ringfence::sandbox
