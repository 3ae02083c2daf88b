#include "ring/hash.h"

#include <xxhash.h>

#include <cassert>

#include "ring/md5.h"
#include "ring/twemproxy_hash.h"

namespace ringproxy::ring {

uint64_t Hash(HashAlgorithm algorithm, std::string_view bytes) {
  switch (algorithm) {
    case HashAlgorithm::kXxh3: return XXH3_64bits(bytes.data(), bytes.size());
    case HashAlgorithm::kXxh64: return XXH64(bytes.data(), bytes.size(), 0);
    case HashAlgorithm::kMd5: return Md5(bytes)[0];
    case HashAlgorithm::kFnv1a64: return Fnv1a64(bytes);
    case HashAlgorithm::kFnv1a32: return Fnv1a32(bytes);
    case HashAlgorithm::kFnv164: return Fnv164(bytes);
    case HashAlgorithm::kFnv132: return Fnv132(bytes);
    case HashAlgorithm::kCrc16: return Crc16(bytes);
    case HashAlgorithm::kCrc32: return Crc32(bytes);
    case HashAlgorithm::kCrc32a: return Crc32a(bytes);
    case HashAlgorithm::kMurmur: return Murmur(bytes);
    case HashAlgorithm::kHsieh: return Hsieh(bytes);
    case HashAlgorithm::kJenkins: return Jenkins(bytes);
    case HashAlgorithm::kOneAtATime: return OneAtATime(bytes);
    case HashAlgorithm::kAuto: break;
  }
  assert(false);
  return 0;
}

uint32_t HashBits(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kXxh3:
    case HashAlgorithm::kXxh64: return 64;
    case HashAlgorithm::kCrc16: return 16;  // The upper ones depend on the release of twemproxy.
    case HashAlgorithm::kCrc32: return 15;
    default: return 32;
  }
}

std::string_view HashTag(std::string_view key, std::string_view tag) {
  if (tag.size() != 2) return key;
  const size_t open = key.find(tag[0]);
  if (open == std::string_view::npos) return key;
  const size_t close = key.find(tag[1], open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace ringproxy::ring
