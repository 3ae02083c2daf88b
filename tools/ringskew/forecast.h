// tools/ringskew/forecast.h – What the nodes would get if hot keys were cached or split, or if the pool were another.
//
// Hot keys are known one by one and placed for real, and so is whatever the map of hashes has. What it has not lies
// evenly over the arcs of the node that has it today. Another hash tells nothing of where the keys were: they are
// spread as its ring is, unless they were thrown at it while they were read. Threads: immutable once made. Lifetime:
// the topology and the map outlive it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "tools/ringskew/load_map.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {

struct HotLoad {
  std::string key;
  double requests = 0;
};

class Forecast {
 public:
  struct Outcome {
    std::vector<double> loads;  // By node of the pool as it would be.
    double moved = 0;           // The part of the requests that would go to another node.
  };

  // `loads`: by node, of the pool that is; `hot`: the hottest first. `map`: nullptr if there is none.
  Forecast(const Topology& base, std::vector<double> loads, std::vector<HotLoad> hot, const LoadMap* map);

  // What the keys did on the same nodes with another hash or hash tag.
  struct Rehashed {
    conf::RingOptions ring;
    Outcome outcome;
  };
  void SetRehashed(std::optional<Rehashed> rehashed) { rehashed_ = std::move(rehashed); }

  // Requires: `pool` has the nodes of the pool that is, in their order, and perhaps more behind them.
  Outcome On(const conf::Pool& pool) const;
  // The hottest keys never reach a node.
  std::vector<double> WithoutHottest(size_t count) const;
  // Each of the hottest keys is kept under so many names, KEY#1 and so on, and read evenly.
  std::vector<double> WithCopies(size_t count, uint32_t copies) const;

  const Topology& base() const { return base_; }
  const std::vector<double>& loads() const { return loads_; }
  const std::vector<HotLoad>& hot() const { return hot_; }
  double requests() const { return requests_; }
  double hot_requests() const { return hot_requests_; }
  // Of one node.
  double hot_requests_on(ring::NodeIndex node) const { return loads_[node] - rest_loads_[node]; }
  // What all keys but the hot ones scatter by chance, as standard deviation of the load of a node with this share of
  // the ring; negative if it is not known.
  double RestDeviation(double ring_share) const;

 private:
  struct Placed {
    LoadMap::Entry entry;
    ring::NodeIndex owner;  // Today.
  };

  void TakeMap(const LoadMap& map);
  void AddRest(const Topology& changed, Outcome& outcome) const;
  void AddMap(const Topology& changed, Outcome& outcome) const;
  void AddUnknown(const Topology& changed, Outcome& outcome) const;

  const Topology& base_;
  std::vector<double> loads_;
  std::vector<HotLoad> hot_;
  std::vector<ring::NodeIndex> hot_owners_;
  std::vector<double> rest_loads_;  // Without the hot keys.
  double requests_ = 0;
  double hot_requests_ = 0;
  std::vector<Placed> map_;      // Without the hot keys.
  std::vector<double> unknown_;  // By node: the rest that is not in the map.
  double kept_ = 1;
  std::optional<Rehashed> rehashed_;
};

}  // namespace ringproxy::ringskew
