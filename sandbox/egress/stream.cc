#include "sandbox/egress/stream.h"

#include <sys/socket.h>

#include <cerrno>

#include "sandbox/egress/tls.h"

namespace ringfence::sandbox {

Stream::Stream(UniqueFd socket) : socket_(std::move(socket)) {}
Stream::Stream(UniqueFd socket, std::unique_ptr<TlsSession> tls) : socket_(std::move(socket)), tls_(std::move(tls)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Stream::State Stream::handshake() { return tls_ ? tls_->handshake() : State::kOk; }

Stream::Moved Stream::read(char* to, std::size_t most) {
  if (tls_) return tls_->read(to, most);
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), to, most, 0);
    if (got > 0) return {State::kOk, static_cast<std::size_t>(got)};
    if (got == 0) return {State::kEnd, 0};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? State::kAgain : State::kBroken, 0};
  }
}

Stream::Moved Stream::write(std::string_view bytes) {
  if (bytes.empty()) return {State::kOk, 0};
  if (tls_) return tls_->write(bytes);
  for (;;) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {State::kOk, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? State::kAgain : State::kBroken, 0};
  }
}

void Stream::finishWriting() {
  if (!tls_) (void)::shutdown(socket_.get(), SHUT_WR);  // Of a socket that is gone there is nothing to finish.
}

bool Stream::wantsToWrite() const { return tls_ && tls_->wantsToWrite(); }

std::string Stream::trouble() const { return tls_ ? tls_->trouble() : std::string(); }

}  // namespace ringfence::sandbox
