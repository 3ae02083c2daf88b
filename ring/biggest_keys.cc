#include "ring/biggest_keys.h"

#include <algorithm>

namespace ringproxy::ring {

void BiggestKeys::List(uint64_t hash, std::string_view key, uint64_t bytes, bool in_reply) {
  const auto known = std::ranges::find(listed_, hash, &ListedKey::hash);
  if (known != listed_.end()) {
    if (bytes < known->bytes) return;
    known->bytes = bytes;
    known->seen = ticks_;
    known->in_reply = in_reply;
  } else {
    // The least one's memory is used again, so that a full list takes nothing from the heap.
    const bool is_full = listed_.size() == kListed;
    ListedKey& place = is_full ? *std::ranges::min_element(listed_, {}, &ListedKey::bytes) : listed_.emplace_back();
    place.hash = hash;
    place.bytes = bytes;
    place.seen = ticks_;
    place.in_reply = in_reply;
    place.key.assign(key.substr(0, kLongestKey));
  }
  FindLeast();
}

void BiggestKeys::FindLeast() {
  least_listed_ = listed_.size() == kListed ? std::ranges::min(listed_, {}, &ListedKey::bytes).bytes : 0;
}

void BiggestKeys::Tick() {
  ++ticks_;
  if (std::erase_if(listed_, [this](const ListedKey& entry) { return ticks_ - entry.seen > kKeptTicks; }) > 0) {
    FindLeast();
  }
}

std::vector<BiggestKeys::BigKey> BiggestKeys::Top() const {
  std::vector<BigKey> top;
  for (const ListedKey& entry : listed_) top.push_back({entry.key, entry.bytes, entry.in_reply, ticks_ - entry.seen});
  // Keys of equal size stand in an order of their own: the sequence in which they came must not show.
  std::ranges::sort(
      top, [](const BigKey& a, const BigKey& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.key < b.key; });
  return top;
}

}  // namespace ringproxy::ring
