// ring/biggest_keys.h – The keys with the largest values among those that were looked at, in bounded memory.
//
// A key is listed by the most bytes that were seen of it: a later look that sees fewer (a range, a field, an expiry) is
// no word on its size, so a key that has shrunk leaves only when nobody has seen so much of it for an hour.
// Threads: one owner. Memory: at most kListed keys of up to kLongestKey bytes. A look at a key that is smaller than all
// of a full list costs one comparison.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::ring {

class BiggestKeys {
 public:
  BiggestKeys() { listed_.reserve(kListed); }

  static constexpr size_t kListed = 64;
  static constexpr size_t kLongestKey = 256;  // More of a key is cut off in the list.
  static constexpr uint32_t kKeptTicks = 3600;

  struct BigKey {
    std::string key;
    uint64_t bytes = 0;
    bool in_reply = false;   // Seen in a reply, and not in a request.
    uint32_t ticks_ago = 0;  // When so many bytes were last seen.
  };

  // Whether Note would have any effect, before somebody takes the trouble of a hash.
  bool MayList(uint64_t bytes) const { return bytes > least_listed_; }
  // `hash`: of the key, 64 well mixed bits; keys of equal hash are one.
  void Note(uint64_t hash, std::string_view key, uint64_t bytes, bool in_reply) {
    if (MayList(bytes)) List(hash, key, bytes, in_reply);
  }
  // Once a second.
  void Tick();

  // The largest first.
  std::vector<BigKey> Top() const;

 private:
  struct ListedKey {
    uint64_t hash;
    uint64_t bytes;
    uint32_t seen;
    bool in_reply;
    std::string key;
  };

  void List(uint64_t hash, std::string_view key, uint64_t bytes, bool in_reply);
  void FindLeast();

  std::vector<ListedKey> listed_;
  uint64_t least_listed_ = 0;  // Of a full list: more than that takes a place.
  uint32_t ticks_ = 0;
};

}  // namespace ringproxy::ring
