// tests/sim/own_keys.h – The keys that one simulated client alone writes, and what they hold as far as it can tell.
//
// Purpose: a key that everybody writes may hold anything, so a value that was lost on the way looks like a miss. Of its
// own keys a client knows better. It is told of outcomes in the order of its requests.
// Promise: after a failed write nothing is held against the proxy any more: it may have been carried out or not.
// Where keys move to other nodes while theirs is down, a read may miss, or find what was written earlier; where reads
// are asked again, also what was written after it in the same pipeline.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

enum class Consistency : uint8_t { kStrict, kStale, kReordered };

class OwnKeys {
 public:
  OwnKeys(SimLoop& loop, uint32_t client, Consistency consistency);

  std::string Random() { return names_[loop_.Random(names_.size())]; }

  void Holds(const std::string& key, const std::string& value);
  void Gone(const std::string& key);
  void Unknown(const std::string& key);

  // Whether a read may have found this; nullopt is a miss. Always, for a key that is not one of these.
  bool MayHold(const std::string& key, std::optional<std::string_view> value) const;
  // Whether anything may be there.
  bool MayExist(const std::string& key) const;

 private:
  SimLoop& loop_;
  std::vector<std::string> names_;
  Consistency consistency_;
  std::map<std::string, std::optional<std::string>> held_;  // Known keys, which start as missing.
  std::map<std::string, std::set<std::string>> ever_held_;  // All that was ever written, of known keys.
};

}  // namespace ringproxy::sim
