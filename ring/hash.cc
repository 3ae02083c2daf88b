#include "ring/hash.h"

#include <xxhash.h>

#include <cassert>

#include "ring/md5.h"
#include "ring/twemproxy_hash.h"

namespace ringproxy::ring {

namespace {

struct HashRow {
  uint32_t bits;  // How many of them can be relied on.
  uint64_t (*hash)(std::string_view bytes);
};

uint64_t Xxh3(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}
uint64_t Xxh64(std::string_view bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}
// libmemcached and twemproxy hash a key by the first word of its digest alone.
uint64_t FirstOfMd5(std::string_view bytes) {
  return Md5(bytes)[0];
}

template <uint32_t (*kHash)(std::string_view)>
uint64_t Widened(std::string_view bytes) {
  return kHash(bytes);
}

uint64_t Crc16Xmodem(std::string_view bytes) {
  return Crc16(bytes) & 0xffff;
}

// A switch and no array, for the compiler then names the hash whose row is missing.
constexpr HashRow RowOf(HashAlgorithm algorithm) {
  switch (algorithm) {
    case HashAlgorithm::kXxh3: return {64, Xxh3};
    case HashAlgorithm::kXxh64: return {64, Xxh64};
    case HashAlgorithm::kMd5: return {32, FirstOfMd5};
    // twemproxy cuts the 64-bit variants of FNV to 32 bits too, whatever their names say.
    case HashAlgorithm::kFnv1a64: return {32, Widened<Fnv1a64>};
    case HashAlgorithm::kFnv1a32: return {32, Widened<Fnv1a32>};
    case HashAlgorithm::kFnv164: return {32, Widened<Fnv164>};
    case HashAlgorithm::kFnv132: return {32, Widened<Fnv132>};
    case HashAlgorithm::kCrc16: return {16, Widened<Crc16>};  // The upper ones depend on the release of twemproxy.
    case HashAlgorithm::kCrc16Xmodem: return {16, Crc16Xmodem};
    case HashAlgorithm::kCrc32: return {15, Widened<Crc32>};
    case HashAlgorithm::kCrc32a: return {32, Widened<Crc32a>};
    case HashAlgorithm::kMurmur: return {32, Widened<Murmur>};
    case HashAlgorithm::kHsieh: return {32, Widened<Hsieh>};
    case HashAlgorithm::kJenkins: return {32, Widened<Jenkins>};
    case HashAlgorithm::kOneAtATime: return {32, Widened<OneAtATime>};
    case HashAlgorithm::kAuto: break;
  }
  // kAuto has no row: conf/pool_ring puts the hash of the ring's algorithm in its place before any key is hashed.
  assert(false);
  return {};
}

}  // namespace

uint64_t Hash(HashAlgorithm algorithm, std::string_view bytes) {
  return RowOf(algorithm).hash(bytes);
}

uint64_t SeededHash(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint32_t HashBits(HashAlgorithm algorithm) {
  return RowOf(algorithm).bits;
}

std::string_view HashTag(std::string_view key, std::string_view tag) {
  // Without a tag whole keys count; conf/validate refuses one that is a single character.
  if (tag.size() != 2) return key;
  const size_t open = key.find(tag[0]);
  if (open == std::string_view::npos) return key;
  const size_t close = key.find(tag[1], open + 1);
  // An empty tag makes the whole key count, and no later pair is tried: libraries that compute slots agree on that.
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace ringproxy::ring
