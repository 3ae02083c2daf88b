// tools/ringskew/rehash_trial.h – The pool with the hash, or without the hash tag, that would spread any keys.
//
// Of a pool whose hash is that one already only tagged keys are thrown at the ring, since all others stay.
// Threads: one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tools/ringskew/forecast.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {

// The hash that spreads any keys on a ring of this algorithm.
ring::HashAlgorithm BetterHash(const conf::RingOptions& ring);

class RehashTrial {
 public:
  explicit RehashTrial(const conf::Pool& pool);

  // `hash`: what the pool that is hashes the key to.
  void Add(std::string_view key, uint64_t hash, double requests) {
    if (trial_ && (all_keys_ || base_hasher_.HashedPart(key).size() < key.size())) Throw(key, hash, requests);
  }

  // `loads`: by node, of the pool that is. Nothing where the pool has neither a bad hash nor a hash tag.
  std::optional<Forecast::Rehashed> Result(const std::vector<double>& loads) const;

 private:
  void Throw(std::string_view key, uint64_t hash, double requests);

  conf::KeyHasher base_hasher_;
  std::optional<Topology> trial_;
  bool all_keys_ = false;
  std::vector<double> gained_;  // By node: what came to it, and what left it.
  std::vector<double> lost_;
  double moved_ = 0;
};

}  // namespace ringproxy::ringskew
