// tools/ringskew/hot_names.h – The keys and the prefixes of keys that get the most requests.
//
// Threads: one owner. Memory: constant, however many keys there are.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "ring/heavy_hitters.h"
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
  // Sets what the report says of hot keys and prefixes. Requires: its keys and requests are known; `base` got them.
  void AddTo(Report& report, const Trial& base) const;

 private:
  void AddKeysTo(Report& report, const Trial& base) const;

  std::string delimiter_;
  ring::HeavyHitters keys_;
  ring::HeavyHitters prefixes_;
};

}  // namespace ringproxy::ringskew
