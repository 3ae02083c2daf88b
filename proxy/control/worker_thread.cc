#include "proxy/control/worker_thread.h"

namespace ringproxy::proxy {

WorkerThread::WorkerThread(std::shared_ptr<const Snapshot> snapshot, AllStats all_stats, uint32_t index, uint64_t seed,
                           SharedLimits& limits, SubscriptionCounts& subscriptions, net::ProcessMemory& memory,
                           net::Resolver& resolver, OnBreakerNews on_breaker, HandBack hand_back, ScriptPosts scripts,
                           MonitorPosts monitors, ClientPosts clients)
    : on_breaker_(std::move(on_breaker)), stats_(*all_stats[index]), loop_(resolver), view_(all_stats, loop_) {
  const Worker::WorkerParts parts{.loop = loop_,
                                  .number = index,
                                  .stats = stats_,
                                  .view = view_,
                                  .observer = *this,
                                  .limits = limits,
                                  .subscriptions = subscriptions,
                                  .memory = &memory,
                                  .hand_back = std::move(hand_back),
                                  .scripts = std::move(scripts),
                                  .monitors = std::move(monitors),
                                  .clients = std::move(clients)};
  worker_ = std::make_unique<Worker>(parts, std::move(snapshot), seed);
  view_.Attach(*worker_);
}

WorkerThread::~WorkerThread() {
  loop_.Stop();
  // A process that could not listen has never started it.
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::Start() {
  // Connections and timers belong to the loop's thread, so the worker starts there, as the first thing that it does.
  loop_.Post([this] { worker_->Start(); });
  thread_ = std::thread([this] {
    loop_.Run();
    // Destroyed where it lived: its streams and timers belong to this thread.
    worker_.reset();
  });
}

void WorkerThread::Adopt(std::shared_ptr<const Snapshot> snapshot) {
  loop_.Post([this, snapshot = std::move(snapshot)] { worker_->Adopt(snapshot); });
}

void WorkerThread::AddClient(uint32_t listener, ClientState client, int fd) {
  ++handed_over_;
  auto shared = std::make_shared<ClientState>(std::move(client));  // std::function wants to be copyable.
  loop_.Post([this, listener, shared, fd] {
    worker_->AddClient(listener, std::move(*shared),
                       [&](net::StreamObserver& observer) { return loop_.Adopt(fd, observer); });
  });
}

void WorkerThread::Drain(MovingNotice notice, std::function<void()> drained) {
  loop_.Post([this, notice = std::move(notice), drained = std::move(drained)] { worker_->Drain(notice, drained); });
}

void WorkerThread::Tell(std::shared_ptr<const backends::NodeRecord> node, Worker::NodeWord word) {
  loop_.Post([this, node = std::move(node), word] { worker_->Tell(*node, word); });
}

void WorkerThread::Tell(ScriptExchange::ScriptWord word) {
  loop_.Post([this, word = std::move(word)] { word(worker_->scripts()); });
}

void WorkerThread::Tell(ClientExchange::ClientWord word) {
  loop_.Post([this, word = std::move(word)] { word(worker_->clients()); });
}

void WorkerThread::Tell(MonitorExchange::MonitorWord word) {
  loop_.Post([this, word = std::move(word)] { word(worker_->monitors()); });
}

uint64_t WorkerThread::sessions() const {
  uint64_t closed = 0;
  for (const ListenerStats& listener : stats_.listeners) closed += listener.closed.value();
  return handed_over_ - closed;
}

}  // namespace ringproxy::proxy
