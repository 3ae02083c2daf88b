// ring/hash.h – The hashes that turn a key into 64 bits, and the part of a key that is hashed.
//
// Threads: pure functions.
// Promise: a hash never changes; rings and the skew tool both rest on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringproxy::ring {

enum class HashAlgorithm : uint8_t { kXxh3, kFnv1a64 };

uint64_t Hash(HashAlgorithm algorithm, std::string_view bytes);

// The part of `key` between the first `tag[0]` and the first `tag[1]` after it when that part is not empty, else the
// whole key (Redis Cluster's rule). `tag` is two characters, or empty: the whole key always.
std::string_view HashTag(std::string_view key, std::string_view tag);

}  // namespace ringproxy::ring
