#include "ring/sha1.h"

#include <openssl/evp.h>

#include <array>
#include <cassert>

namespace ringproxy::ring {

std::string Sha1Hex(std::string_view bytes) {
  std::array<unsigned char, 20> digest{};
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  assert(done == 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace ringproxy::ring
