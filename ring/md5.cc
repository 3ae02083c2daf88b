#include "ring/md5.h"

#include <openssl/evp.h>

#include <cassert>

namespace ringproxy::ring {

std::array<uint32_t, 4> Md5(std::string_view bytes) {
  std::array<unsigned char, 16> digest{};
  // EVP is asked, for OpenSSL 3 deprecates MD5() itself.
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  // OpenSSL in FIPS mode refuses MD5. The digest would stay zero and all points of the ring would be one.
  assert(done == 1);
  std::array<uint32_t, 4> words{};
  // Shifts put the words together, so that a host of either byte order reads the same ones.
  for (size_t i = 0; i < digest.size(); ++i) words[i / 4] |= uint32_t{digest[i]} << (8 * (i % 4));
  return words;
}

}  // namespace ringproxy::ring
