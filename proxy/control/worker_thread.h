// proxy/control/worker_thread.h – A worker on a libevent loop on a thread of its own.
//
// Threads: used by the control thread; everything that touches the worker is posted to its loop.
// Ownership: joins its thread when destroyed. Snapshot, stats and resolver outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "backends/net/libevent_loop.h"
#include "proxy/control/client_exchange.h"
#include "proxy/control/monitor_exchange.h"
#include "proxy/control/process_view.h"
#include "proxy/control/script_exchange.h"
#include "proxy/control/worker.h"

namespace ringproxy::proxy {

class WorkerThread final : private backends::BreakerObserver {
 public:
  // Called on the worker's thread.
  using OnBreakerNews = std::function<void(const backends::BreakerNews&)>;
  using HandBack = std::function<void(std::shared_ptr<const Snapshot>)>;
  // `all_stats[index]` is this worker's.
  WorkerThread(std::shared_ptr<const Snapshot> snapshot, AllStats all_stats, uint32_t index, uint64_t seed,
               SharedLimits& limits, SubscriptionCounts& subscriptions, net::ProcessMemory& memory,
               net::Resolver& resolver, OnBreakerNews on_breaker, HandBack hand_back, ScriptPosts scripts,
               MonitorPosts monitors, ClientPosts clients);
  ~WorkerThread();

  void Start();
  // As Worker::Adopt.
  void Adopt(std::shared_ptr<const Snapshot> snapshot);
  // Takes over an accepted socket.
  void AddClient(uint32_t listener, ClientState client, int fd);
  // As Worker::Drain; `drained` runs on the worker's thread.
  void Drain(MovingNotice notice, std::function<void()> drained);
  // As Worker::Tell.
  void Tell(std::shared_ptr<const backends::NodeRecord> node, Worker::NodeWord word);

  // What another worker has said of scripts.
  void Tell(ScriptExchange::ScriptWord word);
  // What is asked about clients, or answered.
  void Tell(ClientExchange::ClientWord word);
  // Likewise, of clients that monitor.
  void Tell(MonitorExchange::MonitorWord word);

  // Clients handed over that have not left: exact for this thread's own hand-overs, since it counts those itself.
  uint64_t sessions() const;

 private:
  void OnBreaker(const backends::BreakerNews& news) override { on_breaker_(news); }

  OnBreakerNews on_breaker_;
  WorkerStats& stats_;
  net::LibeventLoop loop_;
  ProcessView view_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
  uint64_t handed_over_ = 0;
};

}  // namespace ringproxy::proxy
