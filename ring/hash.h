// ring/hash.h – The hashes that turn a key into bits, and the part of a key that is hashed.
//
// Threads: pure functions.
// Promise: a hash never changes; rings and the skew tool both rest on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringproxy::ring {

// All but xxh3, xxh64, md5 and crc16_xmodem are twemproxy's, see twemproxy_hash.h; md5 is the first four bytes of the
// digest, crc16_xmodem the CRC of Redis Cluster and predixy, which keep 16 bits of what twemproxy has as crc16.
enum class HashAlgorithm : uint8_t {
  kAuto,  // What the ring's algorithm is used with.
  kXxh3,
  kXxh64,
  kMd5,
  kFnv1a64,
  kFnv1a32,
  kFnv164,
  kFnv132,
  kCrc16,
  kCrc16Xmodem,
  kCrc32,
  kCrc32a,
  kMurmur,
  kHsieh,
  kJenkins,
  kOneAtATime,
};

// Requires: not kAuto.
uint64_t Hash(HashAlgorithm algorithm, std::string_view bytes);
// xxh3 with a seed: for tables whose keys come from strangers, never for a ring.
uint64_t SeededHash(std::string_view bytes, uint64_t seed);
// How many bits of it can be relied on: what a ring needs to tell its keys apart. Requires: not kAuto.
uint32_t HashBits(HashAlgorithm algorithm);

// The part of `key` between the first `tag[0]` and the first `tag[1]` after it when that part is not empty, else the
// whole key (Redis Cluster's rule). `tag` is two characters, or empty: the whole key always.
std::string_view HashTag(std::string_view key, std::string_view tag);

}  // namespace ringproxy::ring
