// proxy/control/worker.h – One event loop with everything it owns: sessions, node connections, fan-outs, buffers.
//
// Purpose: puts the parts together and drives the end of each turn. Knows nothing of threads or sockets: the process
// runs it on libevent, the simulator on its own loop.
// Threads: its loop's; workers share nothing but the snapshot and the counters that a scrape reads.
// Lifetime: the loop and the stats outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backends/link/node_batches.h"
#include "backends/sink_table.h"
#include "proxy/control/worker_stats.h"
#include "proxy/guard/rate_limiter.h"
#include "proxy/route/dispatcher.h"
#include "proxy/route/fanout.h"
#include "proxy/route/script_calls.h"
#include "proxy/route/snapshot_holder.h"
#include "proxy/route/watched_keys.h"
#include "proxy/session/entrance.h"

namespace ringproxy::proxy {

class Worker final : private RefusalObserver {
 public:
  struct WorkerParts {
    net::Loop& loop;
    uint32_t number;  // Whose statistics of the nodes are this worker's.
    WorkerStats& stats;
    ProxyView& view;                      // Answers INFO.
    backends::BreakerObserver& observer;  // Called on the worker's loop.
    SharedLimits& limits;
    SubscriptionCounts& subscriptions;
    net::ProcessMemory* memory = nullptr;  // None: there is no limit on it.
    // Takes an old snapshot that nothing needs any more, to let it die elsewhere. Called on the worker's loop.
    SnapshotHolder::HandBack hand_back;
    ScriptPosts scripts = {};
    MonitorPosts monitors = {};
    ClientPosts clients = {};
  };
  // `seed` for jitter.
  Worker(const WorkerParts& parts, std::shared_ptr<const Snapshot> snapshot, uint64_t seed);

  // Opens the node connections.
  void Start();

  // Goes over to another snapshot at the end of this turn. What is under way goes on by the one by which it began;
  // nodes that stay keep their connections, and those that leave drain. Requires: MayFollow.
  void Adopt(std::shared_ptr<const Snapshot> snapshot) { snapshots_.Adopt(std::move(snapshot)); }

  // A client that was accepted on `listener`.
  void AddClient(uint32_t listener, ClientState client, const SessionTable::MakeStream& make_stream) {
    entrance_.Add(listener, std::move(client), make_stream);
  }

  // Takes no more requests but of clients that can be told where to go, and of those until they leave or their time is
  // over; calls `drained` at the end of a turn once the last session is gone.
  void Drain(const MovingNotice& notice, std::function<void()> drained);

  // Tells whichever pool has the node what the process says of it.
  using NodeWord = void (backends::NodePool::*)(const backends::NodeRecord&);
  void Tell(const backends::NodeRecord& node, NodeWord word) {
    for (backends::NodePool& pool : snapshots_.held()->node_pools) (pool.*word)(node);
  }

  // For the words of other workers.
  ScriptCalls& scripts() { return client_io_.scripts; }
  ClientDesk& clients() { return *client_io_.servers->clients; }
  Monitors& monitors() { return *client_io_.servers->monitors; }

  size_t session_count() const { return sessions_.size(); }
  const net::BlockPool& blocks() const { return io_.blocks; }
  size_t open_fanouts() const { return fanout_.open(); }
  const RateLimiter& limiter() const { return limiter_; }
  const Snapshot& snapshot() const { return **snapshots_.held(); }
  // Snapshots that are not in force any more and still needed; nodes that still drain.
  size_t old_snapshots() const { return snapshots_.old_snapshots(); }
  size_t leaving_nodes() const { return snapshots_.leaving_nodes(); }

 private:
  struct WorkerDrain {
    std::function<void()> drained;  // Until it is called.
    std::unique_ptr<net::Timer> end_of_service;
  };

  void OnRefused(uint32_t listener, uint32_t command, wire::ErrorCode code) override {
    stats_.listeners[listener].refusals.Add(command, code);
  }

  net::NextTurn EndTurn();
  // Sees to it that the blocks stay within the budget.
  void BoundMemory();
  void SampleMemory();
  void ChangeSnapshots();
  // The parts go by the snapshot that has come into force.
  void Follow();
  void Tick();

  WorkerStats& stats_;
  backends::WorkerIo io_;
  backends::NodeBatches batches_;
  backends::SinkTable sinks_;
  SnapshotHolder snapshots_;
  Fanout fanout_;
  Retrier retrier_;
  WatchedKeys watched_keys_;
  RateLimiter limiter_;
  Dispatcher dispatcher_;
  ClientIo client_io_;
  Entrance entrance_;
  SessionTable sessions_;
  std::unique_ptr<net::Timer> tick_;
  std::optional<WorkerDrain> drain_;  // Once it drains.
};

}  // namespace ringproxy::proxy
