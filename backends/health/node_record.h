// backends/health/node_record.h – What the process knows of one node, under the names of its pool and its own.
//
// Purpose: everything about a node that outlives its connections and the configuration that named it: what the workers
// count, the verdict that they read, the state that the checks and an operator have brought about, its load.
// Threads: the verdict, the size, the version and the statistics are relaxed atomics that any thread reads: the control
// loop writes the first three, workers the version and each its own statistics. All else is the control loop's alone.
// Ownership: shared by all who need it (snapshots, node pools, the registry); no request copies a pointer to it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/health/busy_notice.h"
#include "backends/health/ejection.h"
#include "backends/health/load_history.h"
#include "backends/server_version.h"
#include "backends/stats.h"

namespace ringproxy::backends {

enum class NodeState : uint8_t { kUp, kTrial, kDown, kDrained, kDisabled };
std::string_view NameOf(NodeState state);

// An operator's word on a node.
enum class NodeOrder : uint8_t { kEnable, kDrain, kDisable };

struct NodeView {
  NodeState state = NodeState::kUp;
  std::string reason = "start";  // One word: a label of metrics.
  std::string detail;            // In the words of the node or the operating system.
  std::chrono::system_clock::time_point since = std::chrono::system_clock::now();
};

struct NodeTransition {
  NodeState from;
  NodeState to;
  std::string reason;
  auto operator<=>(const NodeTransition&) const = default;
};

class NodeRecord {
 public:
  NodeRecord(std::string pool, std::string name, uint32_t workers)
      : slots_(workers), pool_(std::move(pool)), name_(std::move(name)) {}
  NodeRecord(const NodeRecord&) = delete;
  NodeRecord& operator=(const NodeRecord&) = delete;

  const std::string& pool() const { return pool_; }
  const std::string& name() const { return name_; }

  // A verdict is one relaxed byte: a worker that sees it a moment late is as right as one whose request left a moment
  // earlier. It stays where it is, for readers that look with every request.
  std::atomic<Verdict>& verdict() { return verdict_; }
  Verdict verdict() const { return verdict_.load(std::memory_order_relaxed); }
  void Publish(Verdict verdict) { verdict_.store(verdict, std::memory_order_relaxed); }

  // The largest item that a memcached server takes, as it says itself; 0: not known.
  uint64_t item_size_max() const { return item_size_max_.load(std::memory_order_relaxed); }
  void SetItemSizeMax(uint64_t bytes) { item_size_max_.store(bytes, std::memory_order_relaxed); }

  // Its release, as a greeting in RESP3 or a check was told last. Workers write it, too: it is the same to all of them.
  ServerVersion version() const { return version_.load(std::memory_order_relaxed); }
  void SetVersion(ServerVersion version) { version_.store(version, std::memory_order_relaxed); }

  // Whether it refuses MULTI or EXEC, as far as a check has found out.
  bool refuses_transactions() const { return refuses_transactions_.load(std::memory_order_relaxed); }
  void SetRefusesTransactions(bool refuses) { refuses_transactions_.store(refuses, std::memory_order_relaxed); }

  // What it says while a client's script keeps it busy.
  BusyNotice& busy() { return busy_; }

  // What that worker counts.
  NodeStats& stats(uint32_t worker) { return slots_[worker].stats; }
  const NodeStats& stats(uint32_t worker) const { return slots_[worker].stats; }
  uint32_t workers() const { return static_cast<uint32_t>(slots_.size()); }
  // Over all workers.
  uint64_t Sum(Counter NodeStats::*counter) const;
  // Whether every worker has a connection to the node that is ready, so that whoever asks is served.
  bool IsConnected() const;

  // The node is well as far as anybody knows, and connected. Not on trial: it refuses writes then, and some reads.
  bool IsUp() const { return view.state == NodeState::kUp && IsConnected(); }
  // Requests reach it: also while it is down, when too many are and the pool asks all of them.
  bool IsUsable() const { return verdict() != Verdict::kEjected && IsConnected(); }

  // The health monitor's.
  NodeView view;
  NodeOrder order = NodeOrder::kEnable;
  bool needs_flush = false;  // It was out, and its pool wants it emptied.
  std::map<NodeTransition, uint64_t> transitions;
  // What it got; the registry samples it.
  LoadHistory loads;

 private:
  // One worker's lines of the cache are no other's.
  struct alignas(64) Slot {
    NodeStats stats;
  };

  alignas(64) std::atomic<Verdict> verdict_{Verdict::kServe};
  std::atomic<uint64_t> item_size_max_{0};
  std::atomic<ServerVersion> version_{};
  std::atomic<bool> refuses_transactions_{false};
  BusyNotice busy_;
  std::vector<Slot> slots_;  // By worker.
  std::string pool_;
  std::string name_;
};

}  // namespace ringproxy::backends
