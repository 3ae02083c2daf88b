#include "ring/twemproxy_hash.h"

#include <array>
#include <bit>

namespace ringproxy::ring {
namespace {

constexpr uint32_t kFnv32Basis = 0x811c9dc5;
constexpr uint32_t kFnv32Prime = 0x01000193;
// The low halves of 64-bit FNV's numbers: products' low halves need no more.
constexpr uint32_t kFnv64Basis = 0x84222325;
constexpr uint32_t kFnv64Prime = 0x1b3;

// As a C compiler on x86 widens a char.
constexpr uint32_t Signed(char c) {
  return static_cast<uint32_t>(static_cast<int32_t>(static_cast<signed char>(c)));
}
constexpr uint32_t Unsigned(char c) {
  return static_cast<unsigned char>(c);
}

uint32_t Fnv1(std::string_view key, uint32_t basis, uint32_t prime) {
  uint32_t hash = basis;
  for (const char c : key) hash = hash * prime ^ Signed(c);
  return hash;
}
uint32_t Fnv1a(std::string_view key, uint32_t basis, uint32_t prime) {
  uint32_t hash = basis;
  for (const char c : key) hash = (hash ^ Signed(c)) * prime;
  return hash;
}

constexpr std::array<uint32_t, 256> kCrc32Table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    // Ethernet's and zip's polynomial, its bits in reverse order.
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    table[i] = crc;
  }
  return table;
}();

constexpr std::array<uint16_t, 256> kXmodemTable = [] {
  std::array<uint16_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i << 8;
    // XMODEM's polynomial, by which Redis Cluster finds its slots.
    for (int bit = 0; bit < 8; ++bit) crc = crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    table[i] = static_cast<uint16_t>(crc);
  }
  return table;
}();

// Up to four bytes, the first in the lowest place.
uint32_t Word(std::string_view bytes) {
  uint32_t word = 0;
  for (size_t i = 0; i < bytes.size() && i < 4; ++i) word |= Unsigned(bytes[i]) << (8 * i);
  return word;
}

uint32_t Half(std::string_view bytes) {
  return Word(bytes.substr(0, 2));
}

}  // namespace

uint32_t Fnv1a64(std::string_view key) {
  return Fnv1a(key, kFnv64Basis, kFnv64Prime);
}
uint32_t Fnv1a32(std::string_view key) {
  return Fnv1a(key, kFnv32Basis, kFnv32Prime);
}
uint32_t Fnv164(std::string_view key) {
  return Fnv1(key, kFnv64Basis, kFnv64Prime);
}
uint32_t Fnv132(std::string_view key) {
  return Fnv1(key, kFnv32Basis, kFnv32Prime);
}

uint32_t Crc16(std::string_view key) {
  // The register keeps 32 bits and is not cut to 16: twemproxy's is not, and its rings look at the upper bits too.
  uint32_t crc = 0;
  for (const char c : key) crc = crc << 8 ^ kXmodemTable[(crc >> 8 ^ Unsigned(c)) & 0xff];
  return crc;
}

uint32_t Crc32a(std::string_view key) {
  uint32_t crc = UINT32_MAX;
  for (const char c : key) crc = crc >> 8 ^ kCrc32Table[(crc ^ Unsigned(c)) & 0xff];
  return ~crc;
}

uint32_t Crc32(std::string_view key) {
  // libmemcached takes these fifteen bits, and twemproxy follows it.
  return Crc32a(key) >> 16 & 0x7fff;
}

uint32_t Murmur(std::string_view key) {
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  const auto length = static_cast<uint32_t>(key.size());
  // MurmurHash2 leaves its seed to the caller, and twemproxy makes one of the key's length.
  uint32_t hash = 0xdeadbeef * length ^ length;
  for (; key.size() >= 4; key.remove_prefix(4)) {
    uint32_t word = Word(key) * kMultiplier;
    word = (word ^ word >> 24) * kMultiplier;
    hash = hash * kMultiplier ^ word;
  }
  // The last one to three bytes are one little-endian word, on hosts of either byte order.
  if (!key.empty()) hash = (hash ^ Word(key)) * kMultiplier;
  hash = (hash ^ hash >> 13) * kMultiplier;
  return hash ^ hash >> 15;
}

uint32_t Hsieh(std::string_view key) {
  // twemproxy begins with 0, where Hsieh's own function begins with the length.
  uint32_t hash = 0;
  if (key.empty()) return hash;
  for (; key.size() >= 4; key.remove_prefix(4)) {
    hash += Half(key);
    hash = hash << 16 ^ (Half(key.substr(2)) << 11 ^ hash);
    hash += hash >> 11;
  }
  switch (key.size()) {
    case 3:
      hash += Half(key);
      hash ^= hash << 16;
      hash ^= Signed(key[2]) << 18;
      hash += hash >> 11;
      break;
    case 2:
      hash += Half(key);
      hash ^= hash << 11;
      hash += hash >> 17;
      break;
    case 1:
      // Unsigned here, though the third byte of three is signed: the program casts one of them only.
      hash += Unsigned(key[0]);
      hash ^= hash << 10;
      hash += hash >> 1;
      break;
    default: break;
  }
  hash ^= hash << 3;
  hash += hash >> 5;
  hash ^= hash << 4;
  hash += hash >> 17;
  hash ^= hash << 25;
  return hash + (hash >> 6);
}

uint32_t Jenkins(std::string_view key) {
  // The initial value of libhashkit and of twemproxy; lookup3 leaves it to its caller.
  constexpr uint32_t kSeed = 13;
  uint32_t a = 0xdeadbeef + static_cast<uint32_t>(key.size()) + kSeed;
  uint32_t b = a;
  uint32_t c = a;
  const auto add = [&] {
    a += Word(key);
    if (key.size() > 4) b += Word(key.substr(4));
    if (key.size() > 8) c += Word(key.substr(8));
  };
  const auto step = [](uint32_t& x, uint32_t& y, uint32_t& z, int turn) {
    x = (x - z) ^ std::rotl(z, turn);
    z += y;
  };
  // Twelve bytes exactly are left to the final mix: lookup3 ends differently from how it goes on.
  for (; key.size() > 12; key.remove_prefix(12)) {
    add();
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
  }
  if (key.empty()) return c;
  add();
  const auto last = [](uint32_t& x, uint32_t y, int turn) { x = (x ^ y) - std::rotl(y, turn); };
  last(c, b, 14);
  last(a, c, 11);
  last(b, a, 25);
  last(c, b, 16);
  last(a, c, 4);
  last(b, a, 14);
  last(c, b, 24);
  return c;
}

uint32_t OneAtATime(std::string_view key) {
  uint32_t hash = 0;
  for (const char c : key) {
    hash += Signed(c);
    hash += hash << 10;
    hash ^= hash >> 6;
  }
  hash += hash << 3;
  hash ^= hash >> 11;
  return hash + (hash << 15);
}

}  // namespace ringproxy::ring
