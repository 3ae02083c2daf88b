// proxy/server.h – The whole process: workers on their threads, listeners, admin port, signals.
//
// The thread that calls Run becomes the control loop: it hands each new client to the worker with the fewest sessions,
// serves the admin port and handles signals. Workers share nothing with it but the snapshot and counters.
// Threads: made and run on one thread.
#pragma once

#include <event2/event_struct.h>

#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include "backends/net/libevent_loop.h"
#include "backends/net/repeating_timer.h"
#include "backends/net/resolver.h"
#include "proxy/admin/admin_http.h"
#include "proxy/command_line.h"
#include "proxy/control/acceptor.h"
#include "proxy/control/client_exchange.h"
#include "proxy/control/command_learner.h"
#include "proxy/control/health_monitor.h"
#include "proxy/control/monitor_exchange.h"
#include "proxy/control/script_exchange.h"
#include "proxy/control/worker_thread.h"

namespace ringproxy::proxy {

// As the configuration says, or one for each core that the process may use.
uint32_t WorkerCount(const conf::Config& config);

// What the workers have in common, beside the configuration.
struct SharedByWorkers {
  // `learning_pools`: how many of them learn commands.
  SharedByWorkers(uint32_t workers, uint64_t seed, size_t learning_pools)
      : limits(workers, seed), learnt_rows(learning_pools) {}

  SharedLimits limits;
  SubscriptionCounts subscriptions;
  LearntRows learnt_rows;
};

// What the control loop asks the nodes, and what follows from it.
struct AskedNodes {
  std::unique_ptr<HealthMonitor> health;
  std::unique_ptr<CommandLearner> commands;
};

// What the workers tell and ask each other.
struct WorkerExchanges {
  ScriptExchange scripts;
  MonitorExchange monitors;
  ClientExchange clients;
};

class Server {
 public:
  // `room_for_clients`: as far as descriptors go.
  Server(conf::Config config, uint64_t room_for_clients);
  ~Server();

  // Serves until a signal has ended it.
  ExitCode Run();
  // After a signal: when its process should be gone.
  std::optional<net::TimePoint> gone_by() const { return draining_ ? std::optional(draining_->gone_by) : std::nullopt; }

 private:
  struct Draining {
    size_t workers;  // That have not finished.
    net::TimePoint gone_by;
    std::unique_ptr<net::Timer> timer;
  };

  static constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};

  bool Listen();
  WorkerThread& LeastLoaded();
  void OnSignal(int number);
  // Stops accepting; ends when every client has its replies, and those have left that were told where to go, or the
  // drain timeout has passed.
  void Drain();
  void OnWorkerDrained();
  WorkerExchanges MakeExchanges();
  // What the control loop does again and again: samples loads, measures memory, logs refusals.
  void AddChores();
  HealthMonitor::WorkerOrders WorkerOrders();
  // The listeners' nodes have told of other commands than before.
  void OnLearnt(const CommandLearner::Tables& tables);

  backends::NodeRegistry nodes_;
  SharedByWorkers shared_;
  std::shared_ptr<const Snapshot> snapshot_;  // The first one; those that follow it differ in what is learnt alone.
  net::Resolver resolver_;
  net::LibeventLoop loop_;
  net::ProcessMemory memory_;
  std::vector<std::unique_ptr<WorkerStats>> stats_;
  WorkerExchanges exchanges_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  AskedNodes asked_;
  std::unique_ptr<Acceptor> acceptor_;
  AdminHttp admin_;
  std::vector<event> signal_events_;
  std::vector<std::unique_ptr<net::RepeatingTimer>> chores_;
  std::optional<Draining> draining_;  // Once it drains.
};

}  // namespace ringproxy::proxy
