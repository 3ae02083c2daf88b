// conf/pool_ring.h – The ring of a pool as it is configured: what the proxy routes by and ringskew analyses.
//
// Threads: pure functions; a ring is immutable.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/result.h"
#include "ring/hash.h"
#include "ring/mix.h"
#include "ring/ring.h"

namespace ringproxy::conf {

// Rings whose points are ketama's: libmemcached's two and twemproxy's.
bool IsKetama(ring::Algorithm algorithm);

// What `auto` stands for with the ring's algorithm.
uint32_t VirtualNodesOf(const RingOptions& options);
ring::HashAlgorithm HashOf(const RingOptions& options);
// Two characters, or empty.
std::string_view HashTagOf(const RingOptions& options);
bool LeavesHashTagOpen(const RingOptions& options);

// What the ring twemproxy calls the node.
std::string TwemproxyNameOf(const Node& node);

// "0-5460,8192", or what is wrong with it.
Result<std::vector<ring::SlotRange>, std::string> ParseSlots(std::string_view text);

// Node i of the ring is node i of the pool.
std::unique_ptr<const ring::Ring> MakePoolRing(const Pool& pool);

// How a pool's keys become what its ring picks by; made once, for the hash tag's text is a pool's own.
class KeyHasher {
 public:
  explicit KeyHasher(const RingOptions& options);

  // The part of the key that is hashed: what follows the prefix, and of that see ring::HashTag.
  std::string_view HashedPart(std::string_view key) const {
    if (!unhashed_prefix_.empty() && key.starts_with(unhashed_prefix_)) key.remove_prefix(unhashed_prefix_.size());
    return ring::HashTag(key, hash_tag_);
  }
  uint64_t operator()(std::string_view key) const {
    const uint64_t hash = ring::Hash(hash_, HashedPart(key));
    return mixes_ ? ring::Mix(hash) : hash;
  }

 private:
  ring::HashAlgorithm hash_;
  bool mixes_;  // A narrow hash on a ring that looks at all 64 bits.
  std::string hash_tag_;
  std::string unhashed_prefix_;
};

}  // namespace ringproxy::conf
