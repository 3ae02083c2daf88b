// tests/sim/scenario.h – Clients of some runs that do what takes more than one request, and what is held against them.
//
// Purpose: four runs of five have a scenario beside their load: clients that watch keys, that wait at a node, that
// listen, or that scan. Each knows its clients and looks at what the nodes have carried out.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "backends/lane.h"
#include "conf/config.h"
#include "tests/sim/sim_dialog.h"
#include "tests/sim/sim_redis_node.h"

namespace ringproxy::sim {

struct ScenarioParts {
  SimLoop& loop;
  const conf::Pool& pool;
  std::span<const std::unique_ptr<SimNode>> nodes;  // The first ones are the pool's.
  SimNode& spare;
  // Messages that were published at the node may have been missed, as far as the proxy says.
  std::function<bool(size_t node)> may_miss;
  // When the configuration last did without the node, the spare one behind the pool's; now, if it does.
  std::function<net::TimePoint(size_t node)> absent_until;
  // How often SCAN has left out the node.
  std::function<uint64_t(size_t node)> skipped_scans;
  // A connection to one of the workers.
  std::function<void(SimDialog&)> connect;
};

struct ScenarioEvents {
  size_t counted = 0;             // Transactions of clients that watch: executed,
  size_t nils = 0;                // not executed,
  size_t unknown_executions = 0;  // and such of which nobody knows.
  size_t received = 0;            // Elements, by clients that have waited.
  size_t empty_waits = 0;         // Waits that read nil.
  size_t lost_elements = 0;
  size_t messages = 0;      // That listeners have read.
  size_t ended_scans = 0;   // That have seen all that they had to.
  size_t failed_pages = 0;  // Of scans, that were asked for again.

  ScenarioEvents& operator+=(const ScenarioEvents& other);
};

class Scenario {
 public:
  virtual ~Scenario() = default;

  // Among failing nodes.
  virtual void Start() = 0;
  // All nodes have been well for long; links may be opened again.
  virtual void WarmUp() = 0;
  // What has to succeed now; afterwards all leave.
  virtual void Finish() = 0;
  // Expectations of GoogleTest; adds how much there was to check.
  virtual void Check(ScenarioEvents* events) = 0;
  // How often a client has asked for what needs a link of its own.
  virtual size_t own_links() const { return 0; }

 protected:
  // Of a client: in one of the databases that the nodes have.
  static backends::Flavour RandomFlavour(SimLoop& loop) {
    backends::Flavour flavour;
    if (loop.Chance(0.4)) flavour.protocol = 3;
    if (loop.Chance(0.3)) flavour.database = static_cast<uint16_t>(1 + loop.Random(kSimDatabases - 1));
    return flavour;
  }
  static std::vector<SimRedisNode*> RedisNodes(const ScenarioParts& parts);
};

// By the seed; nullptr: there is none.
std::unique_ptr<Scenario> NewScenario(uint64_t seed, ScenarioParts parts);

}  // namespace ringproxy::sim
