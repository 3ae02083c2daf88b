#include "ring/hash.h"

#include <xxhash.h>

namespace ringproxy::ring {
namespace {

// Fowler, Noll, Vo: FNV-1a with 64 bits, on unsigned bytes (twemproxy's reads signed ones, which differs above 0x7f).
uint64_t Fnv1a64(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

uint64_t Hash(HashAlgorithm algorithm, std::string_view bytes) {
  switch (algorithm) {
    case HashAlgorithm::kXxh3: return XXH3_64bits(bytes.data(), bytes.size());
    case HashAlgorithm::kFnv1a64: return Fnv1a64(bytes);
  }
  return 0;
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
