// proxy/control/command_learner.h – Asks the nodes of pools with `learn: true` which commands they have.
//
// Purpose: finds out what all nodes behind a listener say alike of commands that the table does not have, and tells its
// owner when that has changed. A node is asked over a connection of its own, which is closed again: nothing that it
// says here makes it ill. It is asked anew when a connection of any worker to it has become ready, as it does when the
// node comes back, perhaps with another release, and every kAskEvery, since a module may be loaded at any time. A node
// that has not answered yet has no say; one that has gone keeps its word.
// Threads: the control loop's. Lifetime: the loop and `rows` outlive it; of the snapshot it keeps nothing but the
// configuration and the nodes' records. Bounds: kMostAtOnce questions under way, and those of wire::LearntRow a node.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "backends/health/node_record.h"
#include "backends/link/health_check.h"
#include "backends/net/repeating_timer.h"
#include "proxy/route/learnt_commands.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

class CommandLearner {
 public:
  static constexpr std::chrono::seconds kAskEvery{60};
  static constexpr std::chrono::seconds kAskAgain{2};  // After a failure.
  static constexpr size_t kMostAtOnce = 8;

  // By listener; nullptr: it learns nothing.
  using Tables = std::vector<std::shared_ptr<const LearntCommands>>;
  using OnTables = std::function<void(Tables tables)>;

  CommandLearner(net::Loop& loop, const Snapshot& snapshot, uint64_t seed, LearntRows& rows, OnTables on_tables);
  ~CommandLearner();

  void Start();

 private:
  struct AskedNode;

  void Tick();
  void Ask(AskedNode& node);
  void OnAnswer(AskedNode& node, backends::HealthCheck::CheckOutcome outcome, const std::string& why);
  // Whether what the nodes say has become another.
  void Review();
  std::shared_ptr<const LearntCommands> TableOf(const std::vector<uint32_t>& pools, const std::string& listener);

  backends::WorkerIo io_;
  const conf::Config config_;
  const conf::Health options_;
  LearntRows& rows_;
  OnTables on_tables_;
  std::vector<std::vector<uint32_t>> listeners_;  // The pools of each, where all of them learn.
  std::vector<std::unique_ptr<AskedNode>> nodes_;
  std::vector<LearntCommands::Rows> told_;  // By listener, what the owner was told last.
  size_t under_way_ = 0;
  size_t next_ = 0;  // Whose turn it is to be asked.
  net::RepeatingTimer timer_;
};

}  // namespace ringproxy::proxy
