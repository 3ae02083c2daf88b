// conf/import/mcrouter_pools.h – The pools of an mcrouter configuration: servers, hashes, time limits and rates.
// Lifetime: while one file is imported. Threads: one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "conf/import/draft.h"

namespace ringproxy::conf {

class McrouterPools {
 public:
  // `pools` is the file's map of pools; null if it has none.
  McrouterPools(const TreeValue* pools, Draft& draft) : said_(pools), draft_(draft) {}

  // Every pool that has servers, in the order of the file.
  void ImportAll();
  // Ours for the pool that a route names or describes; fails and gives nothing when there is none.
  std::optional<std::string> Named(const TreeValue& pool);
  std::optional<std::string> Called(const std::string& name, const TreeValue& where);
  // What a route says of its pool.
  void SetHash(const std::string& pool, const TreeValue& hash);
  void AddRates(const std::string& pool, const TreeValue& rates);
  // `pool` fails over to `gutter`, with expiries of at most ttl_s seconds (0 = as they are).
  void SetGutter(const std::string& pool, const std::string& gutter, uint64_t ttl_s, const TreeValue& where);

 private:
  std::optional<std::string> Import(const std::string& name, const TreeValue& said);
  void ImportServer(Pool& pool, const TreeValue& said);
  void ImportOption(Pool& pool, const TreeValue& said);
  void SetWeights(Pool& pool, const TreeValue& weights);
  Pool& Find(const std::string& name);
  // What stands in the pool itself, or else in the one that it inherits from.
  const TreeValue* Property(const TreeValue& pool, std::string_view key) const;

  const TreeValue* said_;
  Draft& draft_;
  std::map<std::string, std::string> names_;   // The file's name → ours.
  std::map<std::string, std::string> hashes_;  // Ours → the hash that a route has asked for.
};

}  // namespace ringproxy::conf
