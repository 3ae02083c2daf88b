// tests/sim/simulation.h – One run of the whole proxy, from a seed: workers, health monitor, nodes and clients.
//
//   0 ms: clients come, nodes fail, and in many runs one configuration follows the other
//   600 ms: nothing fails any more, and the first configuration is back   20 to 40 s: everybody asks a last time
//
// Four runs of five have a scenario beside the load, see scenario.h.
// Check() holds against the run:
// - every client got each of its replies once, in order and its own, and no errors but those that are allowed;
// - a node that the process has ejected, or whose breaker is open, cost a request no time at all; and no request waited
//   longer than its deadline;
// - dead and silent nodes were noticed, and a pool of too many bad nodes was asked all the same;
// - no worker opened connections to a node faster than reconnect.rate, and breakers did not flutter;
// - once the nodes are well, so is everything: states, breakers, connections, and every request;
// - whatever configuration follows another, every request is answered once, and every old one is handed back;
// - nothing is left in the end.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backends/lane.h"
#include "proxy/control/health_monitor.h"
#include "proxy/control/worker.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_config.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_probe.h"
#include "tests/sim/sim_thread.h"
#include "tests/support/test_view.h"

namespace ringproxy::sim {

// What happened in a run; a run in which nothing happens proves nothing.
struct Events {
  size_t answered = 0;
  size_t refused_at_once = 0;  // Probes of nodes that are not asked.
  size_t kept_asking = 0;      // Probes of nodes that are asked though they are broken: too many are.
  size_t timeouts = 0;
  size_t overloads = 0;
  size_t rate_limited = 0;
  size_t delayed = 0;
  size_t leased = 0;
  size_t store_failures = 0;
  size_t late_replies = 0;
  size_t transitions = 0;
  size_t moved_keys = 0;     // Requests that another node than the key's owner got.
  size_t changes = 0;        // Of the configuration.
  size_t lasting_uses = 0;   // Old configurations that something under way still needed.
  size_t leaving_nodes = 0;  // Nodes that drained.
  size_t pushes = 0;
  ScenarioEvents scenarios;

  Events& operator+=(const Events& other);
};

struct FlavourOrder {
  bool operator()(backends::Flavour a, backends::Flavour b) const {
    return std::pair(a.database, a.protocol) < std::pair(b.database, b.protocol);
  }
};

inline constexpr net::TimePoint kFaultsOver{std::chrono::milliseconds(600)};

class Simulation {
 public:
  explicit Simulation(uint64_t seed);
  ~Simulation();

  void Run();
  // Expectations of GoogleTest.
  void Check();
  const Events& events() const { return events_; }
  // For comparing two runs of one seed.
  std::string Fingerprint() const;

 private:
  // One thread with everything that is its own.
  struct Thread;
  enum class Outcome : uint8_t {
    kRefused,       // At once: the node is not asked.
    kWriteRefused,  // Likewise: it is on trial.
    kAsked,         // The node is asked, whatever comes of it.
    kAnything,      // A miss or a failure.
    kMiss,          // All is well; nobody writes the keys of probes.
  };
  struct Probe {
    std::unique_ptr<SimProbe> client;
    uint32_t node;
    Outcome expected;
    backends::Flavour flavour;
  };

  void AddNodes();
  std::unique_ptr<SimNode> NewNode(uint32_t fleet, const std::string& name, uint16_t port);
  // simulation_changes.cc
  void PlanChanges();
  void ChangeConfig(bool back);
  void Adopt(std::shared_ptr<const proxy::Snapshot> next);
  bool IsOwner(const proxy::Snapshot& snapshot, uint32_t fleet, const std::string& name, std::string_view key) const;
  // By a configuration that is in force, or was a moment ago.
  bool MayOwn(uint32_t fleet, const std::string& name, std::string_view key) const;
  bool IsPresent(const proxy::Snapshot& snapshot, uint32_t node) const;
  // Of the first pool's nodes, behind which comes the spare one; nullptr: the configuration does without it.
  static const backends::NodeRecord* FindRecord(const proxy::Snapshot& snapshot, size_t node);
  net::TimePoint AbsentUntil(size_t node) const;
  void AddClients();
  void PlanScenario();
  // In which the clients of the node's pool ask, and the plain one.
  std::set<backends::Flavour, FlavourOrder> FlavoursOf(uint32_t node) const;
  proxy::HealthMonitor::WorkerOrders Orders();
  void BeginFault();
  void BeginOrder();
  void Enable(uint32_t node);
  // Every few milliseconds while nodes fail.
  void Look();
  void LookAtEjections(uint32_t pool);
  std::optional<Outcome> ExpectedNow(const Thread& thread, uint32_t node) const;
  void LookForOversights(Thread& thread, uint32_t node);
  // Asks over connections that nobody can know to be useless before.
  void AskUseless();
  void OpenLinks();
  bool LimitsAreForgotten() const;
  void FinalRound();
  void Ask(Thread& thread, uint32_t node, Outcome expected, backends::Flavour flavour = {});
  void Complain(uint32_t node, std::string_view what);

  void CheckClients();
  void CheckScenario();
  void CheckProbes();
  void CheckNodes();
  void CheckNothingIsLeft();

  const conf::Pool& PoolOf(uint32_t node) const { return snapshot_->config.pools[node / kNodesOfAPool]; }
  backends::NodeRecord& Record(uint32_t node) const {
    return *snapshot_->pools[node / kNodesOfAPool].nodes[node % kNodesOfAPool];
  }
  static std::string NameOf(uint32_t node) { return "n" + std::to_string(node % kNodesOfAPool); }

  SimLoop loop_;
  backends::NodeRegistry registry_;
  proxy::SharedLimits limits_;
  proxy::SubscriptionCounts subscriptions_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;  // The first, and the last.
  struct Former {
    std::shared_ptr<const proxy::Snapshot> snapshot;
    net::TimePoint until;
  };
  std::shared_ptr<const proxy::Snapshot> current_;
  std::vector<Former> former_;
  std::optional<Change> change_;  // What changes; none: nothing does.
  proxy::TestView view_;
  std::vector<std::unique_ptr<Thread>> threads_;  // Of the workers.
  SimThread control_;
  std::unique_ptr<proxy::HealthMonitor> monitor_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<std::unique_ptr<SimNode>> spares_;  // By pool; they never fail.
  std::array<net::TimePoint, kNodes> enabled_{};  // Last, by node.
  std::array<net::TimePoint, kNodes> busy_{};     // Last seen, by node.
  std::array<size_t, kNodes> comings_{};          // How often it came back.
  std::vector<std::string> keys_;                 // One that the node owns, by node.
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<backends::Flavour> flavours_;  // By client.
  std::unique_ptr<Scenario> scenario_;       // None: there is none.
  std::vector<Probe> probes_;
  std::string history_;  // The faults, for whoever looks at a failure.
  Events events_;
};

}  // namespace ringproxy::sim
