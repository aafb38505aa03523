// Stands in for ringfence-warden and for both halves of ringfence-egress: says how it was called, answers every call
// that it hears of with 0, and otherwise waits. Linked statically, as they are.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

namespace {

volatile std::sig_atomic_t asked = 0;

void say(int socket, const std::string& words) { (void)!::send(socket, words.data(), words.size(), MSG_NOSIGNAL); }

// How far it reaches with an order of whoever holds the other end of its pair. "read" and "write" are of a file of the
// /proc that it was given.
long obey(const std::string& order, const std::string& operand, int proc) {
  char link[64];
  if (order == "signal") return ::kill(std::stoi(operand), 0);
  if (order == "look") return ::readlinkat(proc, (operand + "/exe").c_str(), link, sizeof link);
  return ::openat(proc, operand.c_str(), (order == "write" ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

// "ORDER OPERAND"; the answer is an errno.
void answerOrder(int pair, int proc) {
  char order[64] = {};
  if (::recv(pair, order, sizeof order - 1, 0) <= 0) return;
  const std::string words = order;
  const std::size_t space = words.find(' ');
  const long done = obey(words.substr(0, space), words.substr(space + 1), proc);
  say(pair, std::to_string(done < 0 ? errno : 0));
}

int serveAsWarden(const std::string& words) {
  constexpr int kPair = 3, kListener = 4, kDenials = 7, kProc = 8;
  // Its own name and pid as the launcher's /proc has them.
  char self[32] = {};
  (void)!::readlinkat(kProc, "self", self, sizeof self - 1);
  say(kPair, words + " pid " + self);
  (void)!::write(kDenials, "denied\n", 7);
  for (;;) {
    pollfd watched[] = {{kListener, POLLIN, 0}, {kPair, POLLIN, 0}};
    if (::poll(watched, 2, -1) < 1) continue;
    if (watched[1].revents != 0) answerOrder(kPair, kProc);
    if (watched[0].revents == 0) continue;
    if ((watched[0].revents & POLLIN) == 0) return 0;  // Nobody of the run is left.
    seccomp_notif call{};
    if (::ioctl(kListener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    seccomp_notif_resp response{};
    response.id = call.id;
    (void)::ioctl(kListener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}

int waitToBeAsked() {
  sigset_t none;
  sigemptyset(&none);
  while (asked == 0) (void)sigsuspend(&none);
  return 0;
}

// As the real one does.
bool listen15001() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(15001);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::listen(socket, 16) == 0;
}

int serveAsInner(const std::string& words) {
  if (!listen15001()) return 9;
  say(3, words);
  return waitToBeAsked();
}

int serveAsOuter(const std::string& words) {
  char inner[512];
  const ssize_t got = ::recv(3, inner, sizeof inner, 0);
  say(4, words + " | " + std::string(inner, got > 0 ? static_cast<std::size_t>(got) : 0));
  (void)waitToBeAsked();
  say(4, "last words");
  return 0;
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  (void)sigprocmask(SIG_BLOCK, &term, nullptr);
  struct sigaction action {};
  action.sa_handler = [](int) { asked = 1; };
  (void)sigaction(SIGTERM, &action, nullptr);
  std::string words;
  for (int i = 0; i < argc; ++i) words += (i == 0 ? "" : " ") + std::string(argv[i]);
  if (*environment != nullptr) words += " with an environment";
  if (std::strcmp(argv[0], "ringfence-warden") == 0) return serveAsWarden(words);
  return argc > 1 && std::strcmp(argv[1], "inner") == 0 ? serveAsInner(words) : serveAsOuter(words);
}
