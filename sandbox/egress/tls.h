// TLS outwards, for requests that carry a credential: the server is verified against the trust anchors of the machine
// and the name that the policy says. The only place that knows OpenSSL.
#pragma once

#include <memory>
#include <string>

#include "sandbox/egress/destination.h"
#include "sandbox/egress/stream.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class TlsSession {
 public:
  TlsSession();
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Stream::State handshake();
  Stream::Moved read(char* to, std::size_t most);
  Stream::Moved write(std::string_view bytes);
  bool wantsToWrite() const { return wantsToWrite_; }
  // Why it broke: the certificate, the protocol. Nothing of what was sent.
  std::string trouble() const;

 private:
  friend class TlsClient;
  Stream::State stateOf(int result);

  struct Held;
  std::unique_ptr<Held> held_;
  bool wantsToWrite_ = false;
};

class TlsClient {
 public:
  // Before files are out of reach: opens the bundle of trust anchors (`anchors`, or where this system has it) and reads
  // it when the first session needs it.
  static Result<TlsClient> create(const std::string& anchors);
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;
  ~TlsClient();

  // Over a socket that is connected. Fails with kUnavailable where there are no trust anchors.
  Result<std::unique_ptr<TlsSession>> begin(int socket, const Destination& server);

 private:
  TlsClient();
  Result<void> prepare();
  Result<void> readAnchors();

  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace ringfence::sandbox
