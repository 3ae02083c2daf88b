// proxy/session/item_limit.h – Whether any node takes an item of a size, as far as they have said; and the words for
// one that none takes.
//
// Threads: a worker's; the words are constant.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/wire/error_text.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

// Servers judge smaller ones themselves: reading them costs little.
inline constexpr uint64_t kSmallItem = 1 << 20;

inline bool NoNodeTakes(uint64_t data, const Snapshot& snapshot, uint32_t listener) {
  if (data <= kSmallItem) return false;
  uint64_t most = 0;
  for (const uint32_t pool : snapshot.listeners[listener].pools) {
    for (const auto& node : snapshot.pools[pool].nodes) most = std::max(most, node->item_size_max());
  }
  return most > 0 && data > most;
}

// Of static storage, as what is answered in a node's place has to be.
inline std::string_view TooLargeWords() {
  static const std::string text = [] {
    std::string words;
    wire::AppendMemcacheError(wire::ErrorCode::kTooLarge, &words);
    return words;
  }();
  return text;
}

}  // namespace ringproxy::proxy
