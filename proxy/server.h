// proxy/server.h – The whole process: workers on their threads, listeners, admin port, signals.
//
// The thread that calls Run becomes the control loop: it accepts clients and hands each to the worker with the fewest
// sessions, serves the admin port and handles signals. Workers share nothing with it but the snapshot and counters.
// Threads: made and run on one thread.
#pragma once

#include <event2/event_struct.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "backends/net/libevent_loop.h"
#include "backends/net/listen_socket.h"
#include "proxy/admin/admin_http.h"
#include "proxy/command_line.h"
#include "proxy/control/health_monitor.h"
#include "proxy/control/refusals.h"
#include "proxy/control/worker_thread.h"

namespace ringproxy::proxy {

class Server {
 public:
  explicit Server(conf::Config config);
  ~Server();

  // Serves until a signal has ended it.
  ExitCode Run();

 private:
  static constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};

  bool Listen();
  void Accept(uint32_t listener, int fd, std::string peer);
  // How many clients the listener has, and why it cannot have one more; empty = it can.
  uint64_t ClientsOf(uint32_t listener) const;
  std::string WhyFull(uint32_t listener) const;
  void Refuse(uint32_t listener, int fd, const std::string& why, const std::string& peer);
  WorkerThread& LeastLoaded();
  void OnSignal(int number);
  // Stops accepting; ends when every client's replies are delivered or the drain timeout has passed.
  void Drain();
  void OnWorkerDrained();
  void SampleLoads();
  void MeasureMemory();
  void LogRefusals();
  HealthMonitor::WorkerOrders WorkerOrders();

  const uint32_t worker_count_;
  backends::NodeRegistry nodes_;
  SharedLimits limits_;
  std::shared_ptr<const Snapshot> snapshot_;
  net::LibeventLoop loop_;
  std::unique_ptr<net::ProcessMemory> memory_;
  std::vector<std::unique_ptr<WorkerStats>> stats_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::unique_ptr<HealthMonitor> health_;
  std::vector<std::unique_ptr<net::ListenSocket>> listeners_;
  std::vector<uint64_t> accepted_;  // Handed out so far, by listener.
  uint64_t room_for_clients_ = 0;   // Of all listeners, as far as descriptors go.
  AdminHttp admin_;
  std::vector<event> signal_events_;
  std::unique_ptr<net::Timer> drain_timer_;
  std::unique_ptr<net::Timer> memory_timer_;
  std::unique_ptr<net::Timer> load_timer_;  // Samples the nodes' loads.
  std::unique_ptr<RefusalLog> refusal_log_;
  std::unique_ptr<net::Timer> refusal_timer_;
  uint64_t next_client_id_ = 1;
  size_t workers_draining_ = 0;
  bool draining_ = false;
};

}  // namespace ringproxy::proxy
