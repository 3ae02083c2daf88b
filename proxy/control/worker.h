// proxy/control/worker.h – One event loop with everything it owns: sessions, node connections, fan-outs, buffers.
//
// Purpose: puts the parts together and drives the end of each turn. Knows nothing of threads or sockets: the process
// runs it on libevent, the simulator on its own loop.
// Of a snapshot it is the only holder on its loop: whatever needs one is handed it, or counted by it (HeldSnapshot).
// Threads: its loop's; workers share nothing but the snapshot and the counters that a scrape reads.
// Lifetime: the loop and the stats outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/link/node_pool.h"
#include "backends/net/place_list.h"
#include "proxy/control/worker_stats.h"
#include "proxy/guard/rate_limiter.h"
#include "proxy/route/dispatcher.h"
#include "proxy/route/fanout.h"
#include "proxy/route/hot_keys.h"
#include "proxy/session/client_io.h"
#include "proxy/session/session.h"

namespace ringproxy::proxy {

class Worker final : private backends::ReplySink, private RateLimiter::Observer, private RefusalObserver {
 public:
  struct WorkerParts {
    net::Loop& loop;
    uint32_t number;  // Whose statistics of the nodes are this worker's.
    WorkerStats& stats;
    ProxyView& view;                      // Answers INFO and CLIENT LIST.
    backends::BreakerObserver& observer;  // Called on the worker's loop.
    SharedLimits& limits;
    net::ProcessMemory* memory = nullptr;  // None: there is no limit on it.
    // Takes an old snapshot that nothing needs any more, to let it die elsewhere. Called on the worker's loop.
    std::function<void(std::shared_ptr<const Snapshot>)> hand_back;
  };
  // `seed` for jitter.
  Worker(const WorkerParts& parts, std::shared_ptr<const Snapshot> snapshot, uint64_t seed);
  ~Worker();

  // Opens the node connections.
  void Start();

  // Goes over to another snapshot at the end of this turn. What is under way goes on by the one by which it began;
  // nodes that stay keep their connections, and those that leave drain. Requires: MayFollow.
  void Adopt(std::shared_ptr<const Snapshot> snapshot);

  // A client that was accepted on `listener`. `make_stream` is given the observer.
  using MakeStream = std::function<std::unique_ptr<net::Stream>(net::StreamObserver&)>;
  void AddClient(uint32_t listener, ClientState client, const MakeStream& make_stream);

  // Takes no more requests; calls `drained` at the end of a turn once the last session is gone.
  void Drain(std::function<void()> drained);

  // Tells whichever pool has the node what the process says of it.
  using NodeWord = void (backends::NodePool::*)(const backends::NodeRecord&);
  void Tell(const backends::NodeRecord& node, NodeWord word) {
    for (backends::NodePool& pool : snapshot_->node_pools) (pool.*word)(node);
  }

  void ForEachClient(const std::function<void(const ClientState&)>& visit) const;
  size_t session_count() const { return places_.in_use(); }
  const net::BlockPool& blocks() const { return io_.blocks; }
  size_t open_fanouts() const { return fanout_.open(); }
  const RateLimiter& limiter() const { return limiter_; }
  const Snapshot& snapshot() const { return **snapshot_; }
  // Snapshots that are not in force any more and still needed; nodes that still drain.
  size_t old_snapshots() const { return old_snapshots_.size(); }
  size_t leaving_nodes() const { return leaving_.size(); }

 private:
  struct SessionPlace {
    std::unique_ptr<Session> session;
    uint32_t generation = 0;
  };

  void OnReply(backends::Ticket ticket, std::string_view reply) override;
  void OnLargeReply(backends::Ticket ticket, net::Block reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  void OnAdmitted(backends::Ticket waiting, backends::Ticket use) override;
  void OnRefused(backends::Ticket waiting, const RateLimiter::Decision& decision) override;

  void OnRefused(uint32_t listener, uint32_t command, wire::ErrorCode code) override {
    stats_.listeners[listener].refusals.Add(command, code);
  }

  // nullptr, and counted, when the client has left.
  Session* Find(backends::Ticket ticket);
  net::NextTurn EndTurn();
  bool BatchIsWorthHolding() const;
  void DeleteRetired();
  // Sees to it that the blocks stay within the budget.
  void BoundMemory();
  void CutOffLargest(uint64_t excess_bytes);
  void SampleMemory();
  void ChangeSnapshots();
  void SetSnapshot(std::unique_ptr<HeldSnapshot> snapshot);
  void Tick();

  WorkerStats& stats_;
  std::function<void(std::shared_ptr<const Snapshot>)> hand_back_;
  backends::WorkerIo io_;
  backends::FlushList flush_list_;
  const backends::PoolNode::PoolNodeParts node_parts_;
  backends::LeavingNodes leaving_;
  std::shared_ptr<const Snapshot> next_snapshot_;  // From the end of this turn on.
  std::unique_ptr<HeldSnapshot> snapshot_;
  std::vector<std::unique_ptr<HeldSnapshot>> old_snapshots_;
  Fanout fanout_;
  Retrier retrier_;
  HotKeys hot_keys_;
  RateLimiter limiter_;
  Dispatcher dispatcher_;
  ClientIo client_io_;
  std::vector<ListenerContext> listeners_;
  std::vector<Session*> turn_;  // client_io_.turn of the turn that ends; swapped, since flushing marks anew.
  size_t held_ = 0;             // Sessions that hold their output since the last turn.
  bool nodes_held_ = false;     // The nodes' batches wait for the next turn.
  bool replied_ = false;        // Some reply came in this turn.
  net::PlaceList<SessionPlace> places_;
  std::unique_ptr<net::Timer> tick_;
  std::function<void()> drained_;
};

}  // namespace ringproxy::proxy
