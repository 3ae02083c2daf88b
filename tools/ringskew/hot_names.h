// tools/ringskew/hot_names.h – The keys and the prefixes of keys that get the most requests.
//
// Threads: one owner. Memory: constant, however many keys there are.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ring/weighted_hitters.h"
#include "tools/ringskew/forecast.h"
#include "tools/ringskew/key_source.h"
#include "tools/ringskew/report.h"
#include "tools/ringskew/trial.h"

namespace ringproxy::ringskew {

class HotNames {
 public:
  // A prefix ends with the first `delimiter` of its key.
  explicit HotNames(std::string delimiter) : delimiter_(std::move(delimiter)) {}

  // `identity`: the key's hash, whatever the ring hashes by.
  void Add(const KeySample& sample, uint64_t identity);
  // Sets what the report says of hot keys and prefixes, and returns all hot keys, of which it shows some. Requires: its
  // keys and requests are known; `base` got them.
  std::vector<HotLoad> AddTo(Report& report, const Trial& base) const;

 private:
  std::vector<HotLoad> AddKeysTo(Report& report, const Trial& base) const;

  std::string delimiter_;
  ring::WeightedHitters keys_;
  ring::WeightedHitters prefixes_;
};

}  // namespace ringproxy::ringskew
