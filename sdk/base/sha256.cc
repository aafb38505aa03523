#include "sdk/base/sha256.h"

#include <nettle/sha2.h>

#include <cstdint>

#include "sdk/base/text.h"

namespace ringfence {

std::string sha256(std::string_view bytes) {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
  std::string digest(SHA256_DIGEST_SIZE, '\0');
  sha256_digest(&context, digest.size(), reinterpret_cast<std::uint8_t*>(digest.data()));
  return digest;
}

std::string sha256Hex(std::string_view bytes) { return encodeHex(sha256(bytes)); }

}  // namespace ringfence
