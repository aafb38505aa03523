#include "sandbox/egress/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <climits>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/ssl/cert.pem"};
constexpr Bytes kMaxBundle = mebibytes(8);
constexpr unsigned char kProtocols[] = "\x08http/1.1";

}  // namespace

struct TlsSession::Held {
  SSL* session = nullptr;
  std::string trouble;
  ~Held() { SSL_free(session); }
};
struct TlsClient::Held {
  SSL_CTX* context = nullptr;
  UniqueFd bundle;
  bool anchored = false;
  ~Held() { SSL_CTX_free(context); }
};

TlsSession::TlsSession() : held_(std::make_unique<Held>()) {}
TlsSession::~TlsSession() = default;

Stream::State TlsSession::stateOf(int result) {
  wantsToWrite_ = false;
  switch (SSL_get_error(held_->session, result)) {
    case SSL_ERROR_NONE: return Stream::State::kOk;
    case SSL_ERROR_WANT_WRITE: wantsToWrite_ = true; return Stream::State::kAgain;
    case SSL_ERROR_WANT_READ: return Stream::State::kAgain;
    case SSL_ERROR_ZERO_RETURN: return Stream::State::kEnd;
    default: break;
  }
  const long verified = SSL_get_verify_result(held_->session);
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  held_->trouble = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                   : reason != nullptr   ? reason
                                         : "the connection was closed";
  ERR_clear_error();
  return Stream::State::kBroken;
}

Stream::State TlsSession::handshake() {
  ERR_clear_error();
  return stateOf(SSL_do_handshake(held_->session));
}

Stream::Moved TlsSession::read(char* to, std::size_t most) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(held_->session, to, most, &count);
  return result == 1 ? Stream::Moved{Stream::State::kOk, count} : Stream::Moved{stateOf(result), 0};
}

Stream::Moved TlsSession::write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(held_->session, bytes.data(), bytes.size(), &count);
  return result == 1 ? Stream::Moved{Stream::State::kOk, count} : Stream::Moved{stateOf(result), 0};
}

std::string TlsSession::trouble() const { return held_->trouble; }

TlsClient::TlsClient() : held_(std::make_unique<Held>()) {}
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;
TlsClient::~TlsClient() = default;

Result<TlsClient> TlsClient::create(const std::string& anchors) {
  TlsClient client;
  if (!anchors.empty()) {
    client.held_->bundle = RF_TRY(openAt(AT_FDCWD, anchors, O_RDONLY));
    return client;
  }
  for (const char* path : kBundles) {
    auto bundle = openAt(AT_FDCWD, path, O_RDONLY);
    if (bundle) client.held_->bundle = std::move(*bundle);
    if (bundle) break;
  }
  return client;
}

// With the first connection that needs it: most runs have none, and it takes half a megabyte.
Result<void> TlsClient::prepare() {
  if (held_->context != nullptr) return {};
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, kProtocols, sizeof kProtocols - 1) != 0) {
    SSL_CTX_free(context);
    return Error{ErrorCode::kInternal, "preparing TLS"};
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  held_->context = context;
  return {};
}

Result<void> TlsClient::readAnchors() {
  if (held_->anchored) return {};
  if (!held_->bundle)
    return Error{ErrorCode::kUnavailable,
                 "this machine has no bundle of trusted certificates (install ca-certificates)"};
  const std::string text = RF_TRY(readAll(held_->bundle.get(), kMaxBundle, "the trusted certificates"));
  BIO* bytes = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  X509_STORE* store = SSL_CTX_get_cert_store(held_->context);
  std::size_t count = 0;
  while (X509* certificate = PEM_read_bio_X509(bytes, nullptr, nullptr, nullptr)) {
    if (X509_STORE_add_cert(store, certificate) == 1) ++count;
    X509_free(certificate);
  }
  BIO_free(bytes);
  ERR_clear_error();  // The end of the file is one.
  held_->bundle.reset();
  if (count == 0) return Error{ErrorCode::kUnavailable, "the bundle of trusted certificates is empty"};
  held_->anchored = true;
  return {};
}

Result<std::unique_ptr<TlsSession>> TlsClient::begin(int socket, const Destination& server) {
  RF_TRY(prepare());
  RF_TRY(readAnchors());
  auto made = std::make_unique<TlsSession>();
  SSL* session = made->held_->session = SSL_new(held_->context);
  const char* host = server.host.c_str();
  bool ready = session != nullptr && SSL_set_fd(session, socket) == 1;
  if (ready && server.address) {
    ready = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;
  } else if (ready) {
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ready = SSL_set1_host(session, host) == 1 && SSL_set_tlsext_host_name(session, host) == 1;
  }
  if (!ready) return Error{ErrorCode::kInternal, "preparing TLS to " + server.text()};
  SSL_set_connect_state(session);
  return made;
}

}  // namespace ringfence::sandbox
