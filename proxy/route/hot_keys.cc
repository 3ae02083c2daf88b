#include "proxy/route/hot_keys.h"

#include "proxy/route/database_key.h"
#include "ring/hash.h"

namespace ringproxy::proxy {

void HotKeys::Take(uint32_t pool, std::string_view key, uint16_t database) {
  const DatabaseKey noted(database, key);
  key = noted.text();
  // The ring's own hash may be narrow, and then two keys would count as one. A key that is taken stands for as many as
  // were passed over, so that counts are those of requests.
  pools_[pool].Add(ring::Hash(ring::HashAlgorithm::kXxh3, key), key, kOneIn);
  // xorshift64 (Marsaglia 2003): the next one is 1 to 31 keys away, 16 on average.
  dice_ ^= dice_ << 13;
  dice_ ^= dice_ >> 7;
  dice_ ^= dice_ << 17;
  countdown_ = 1 + static_cast<uint32_t>((dice_ >> 32) % (2 * kOneIn - 1));
}

void HotKeys::Tick() {
  if (++ticks_ % kHalfLifeTicks != 0) return;
  for (ring::HeavyHitters& pool : pools_) pool.Halve();
}

std::shared_ptr<const HotKeysView> HotKeys::View() const {
  auto view = std::make_shared<HotKeysView>();
  for (const ring::HeavyHitters& pool : pools_) view->pools.push_back({pool.Top(), pool.total()});
  return view;
}

}  // namespace ringproxy::proxy
