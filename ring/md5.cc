#include "ring/md5.h"

#include <openssl/evp.h>

#include <cassert>

namespace ringproxy::ring {

std::array<uint32_t, 4> Md5(std::string_view bytes) {
  std::array<unsigned char, 16> digest{};
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  assert(done == 1);
  std::array<uint32_t, 4> words{};
  for (size_t i = 0; i < digest.size(); ++i) words[i / 4] |= uint32_t{digest[i]} << (8 * (i % 4));
  return words;
}

}  // namespace ringproxy::ring
