// ring/heavy_hitters.h – Which few keys make most of the requests, in 32 KiB whatever the number of keys.
//
// HeavyKeeper (Gong et al., USENIX ATC 2018): two rows of 2,048 counters, each with the fingerprint of the key that it
// counts. A request of another key decays the counter with probability 1.08^-count, so that the keys of few requests
// wear each other out and those of many stay. Keys whose counters are among the largest stand in a list with their
// bytes. A count is never too high unless two keys share a fingerprint.
// Threads: one owner. Memory: 32 KiB and at most kListed keys of up to kLongestKey bytes. A request of a key that is
// not listed and does not become so allocates nothing. Promise: equal requests in equal order give equal lists (the
// decay's dice are seeded).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::ring {

class HeavyHitters {
 public:
  HeavyHitters() { listed_.reserve(kListed); }

  static constexpr size_t kListed = 128;
  static constexpr size_t kLongestKey = 256;  // More of a key is cut off in the list.

  struct Hitter {
    std::string key;
    uint64_t count = 0;
  };

  // `hash`: of the key, 64 well mixed bits; keys of equal hash are one.
  void Add(uint64_t hash, std::string_view key, uint32_t count = 1);

  // The listed keys, the most frequent first; at most `most`.
  std::vector<Hitter> Top(size_t most = kListed) const;
  // All that was added.
  uint64_t total() const { return total_; }

  // A new window that remembers the old one by half: what is no longer hot leaves.
  void Halve();
  void Clear();

 private:
  static constexpr size_t kRows = 2;
  static constexpr size_t kColumns = 2048;

  struct HitCounter {
    uint32_t fingerprint = 0;
    uint32_t count = 0;
  };
  struct Listed {
    uint64_t hash;
    uint32_t count;
    uint32_t size;
    std::array<char, kLongestKey> key;

    Listed(uint64_t its_hash, uint32_t its_count, std::string_view its_key);
  };

  // The key's largest counter after `count` more requests.
  uint32_t Count(uint64_t hash, uint32_t count);
  bool Decays(uint32_t count);
  void List(uint64_t hash, std::string_view key, uint32_t count);

  std::array<std::array<HitCounter, kColumns>, kRows> rows_{};
  std::vector<Listed> listed_;
  uint32_t least_listed_ = 0;  // Of a full list: a count above it takes a place.
  uint64_t total_ = 0;
  uint64_t dice_ = 0x9E3779B97F4A7C15;
};

}  // namespace ringproxy::ring
