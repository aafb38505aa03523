// One end of a connection: bytes in, bytes out, without waiting. Either a socket as it is, or TLS over it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class TlsSession;  // sandbox/egress/tls.h

class Stream {
 public:
  enum class State { kOk, kAgain, kEnd, kBroken };
  struct Moved {
    State state = State::kOk;
    std::size_t count = 0;
  };

  explicit Stream(UniqueFd socket);
  Stream(UniqueFd socket, std::unique_ptr<TlsSession> tls);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  int fd() const { return socket_.get(); }
  // TLS: until its handshake is over. kOk: over.
  State handshake();
  Moved read(char* to, std::size_t most);
  Moved write(std::string_view bytes);
  // No more is written. Of TLS nothing is sent: a server may take it for the end of all.
  void finishWriting();
  // A read or handshake that said kAgain waits for the socket to become writable.
  bool wantsToWrite() const;
  std::string trouble() const;  // of TLS, in words without any content

 private:
  UniqueFd socket_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace ringfence::sandbox
