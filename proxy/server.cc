#include "proxy/server.h"

#include <event2/event.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

#include "backends/line_limit.h"
#include "proxy/control/log.h"
#include "proxy/control/process_cpus.h"
#include "proxy/control/process_memory.h"
#include "proxy/control/refusals.h"

namespace ringproxy::proxy {
namespace {

uint64_t DrawSeed() {
  // The hashes of buckets rest on a seed: whoever could foresee it could invent keys that share one.
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

std::shared_ptr<const Snapshot> NewSnapshot(conf::Config config, backends::NodeRegistry& nodes, SharedLimits& limits,
                                            const CommandLearner::Tables& learnt = {}) {
  auto snapshot = MakeSnapshot(std::move(config), nodes);
  for (size_t l = 0; l < learnt.size(); ++l) snapshot->listeners[l].learnt = learnt[l];
  limits.Compile(*snapshot);
  return snapshot;
}

MovingNotice NoticeOf(const conf::Config& config) {
  // The clock's milliseconds are another number than that of any other proxy, and of this one's next process.
  const auto clock = std::chrono::system_clock::now().time_since_epoch();
  return {.number = std::chrono::duration_cast<std::chrono::milliseconds>(clock).count(),
          .time = config.drain_timeout,
          .endpoint = config.advertise == conf::Address{} ? "" : config.advertise.ToString()};
}

}  // namespace

uint32_t WorkerCount(const conf::Config& config) {
  return config.workers > 0 ? config.workers : CpusOfProcess();
}

Server::Server(conf::Config config, uint64_t room_for_clients)
    : nodes_(WorkerCount(config)),
      shared_(nodes_.workers(), DrawSeed(), LearningPools(config)),
      snapshot_(NewSnapshot(std::move(config), nodes_, shared_.limits)),
      loop_(resolver_),
      memory_(MemoryLimit(snapshot_->config), nodes_.workers()),
      exchanges_(MakeExchanges()),
      admin_(snapshot_, nodes_) {
  const uint32_t workers = nodes_.workers();
  for (uint32_t i = 0; i < workers; ++i) stats_.push_back(std::make_unique<WorkerStats>(*snapshot_));
  asked_.health = std::make_unique<HealthMonitor>(loop_, *snapshot_, DrawSeed(), WorkerOrders());
  asked_.commands = std::make_unique<CommandLearner>(loop_, *snapshot_, DrawSeed(), shared_.learnt_rows,
                                                     [this](CommandLearner::Tables tables) { OnLearnt(tables); });
  admin_.Observe(stats_, *asked_.health, shared_.limits, memory_, resolver_);
  for (uint32_t i = 0; i < workers; ++i) {
    const auto on_breaker = [this, i](const backends::BreakerNews& news) {
      loop_.Post([this, i, news] { asked_.health->OnBreaker(i, news); });
    };
    // It dies with the work that is posted.
    const auto hand_back = [this](std::shared_ptr<const Snapshot> old) { loop_.Post([kept = std::move(old)] {}); };
    workers_.push_back(std::make_unique<WorkerThread>(
        snapshot_, stats_, i, DrawSeed(), shared_.limits, shared_.subscriptions, memory_, resolver_, on_breaker,
        hand_back, exchanges_.scripts.For(i), exchanges_.monitors.For(i), exchanges_.clients.For(i)));
  }
  acceptor_ = std::make_unique<Acceptor>(loop_, *snapshot_, stats_, room_for_clients,
                                         [this](uint32_t listener, ClientState client, int fd) {
                                           LeastLoaded().AddClient(listener, std::move(client), fd);
                                         });
  AddChores();
}

WorkerExchanges Server::MakeExchanges() {
  const auto to_worker = [this](uint32_t worker, auto word) { workers_[worker]->Tell(std::move(word)); };
  const auto here = [this](std::function<void()> work) { loop_.Post(std::move(work)); };
  return {ScriptExchange(nodes_.workers(), to_worker, here), MonitorExchange(nodes_.workers(), to_worker, here),
          ClientExchange(nodes_.workers(), to_worker, here)};
}

void Server::OnLearnt(const CommandLearner::Tables& tables) {
  const auto next = NewSnapshot(snapshot_->config, nodes_, shared_.limits, tables);
  for (auto& worker : workers_) worker->Adopt(next);
  admin_.Adopt(next);
}

void Server::AddChores() {
  const auto add = [this](net::Duration interval, std::function<void()> work) {
    chores_.push_back(std::make_unique<net::RepeatingTimer>(loop_, interval, std::move(work)));
  };
  add(backends::LoadHistory::kStep, [this] { nodes_.Tick(loop_.now()); });
  // What no block holds comes off the memory limit too, and only the system knows how much that is.
  add(std::chrono::seconds(1), [this] { memory_.SetResident(ResidentBytes()); });
  add(std::chrono::seconds(1), [this, log = std::make_shared<RefusalLog>(*snapshot_, stats_)] {
    for (const std::string& line : log->Lines(loop_.now())) spdlog::warn("{}", line);
  });
  // Whoever floods the log and stops leaves no line behind that could say how many are missing.
  add(std::chrono::seconds(1), [this] {
    backends::LineLimit::SayLeftOut(loop_.now());
    SayDroppedLines();
  });
}

HealthMonitor::WorkerOrders Server::WorkerOrders() {
  const auto to_all = [this](Worker::NodeWord word) {
    return [this, word](const std::shared_ptr<backends::NodeRecord>& node) {
      for (auto& worker : workers_) worker->Tell(node, word);
    };
  };
  return {.hurry = to_all(&backends::NodePool::Hurry),
          .distrust = to_all(&backends::NodePool::Distrust),
          .disable = to_all(&backends::NodePool::Disable),
          .enable = to_all(&backends::NodePool::Enable)};
}

Server::~Server() {
  // The loop is destroyed after these events and would still refer to them.
  for (event& signal_event : signal_events_) event_del(&signal_event);
}

bool Server::Listen() {
  if (!acceptor_->Listen()) return false;
  std::string error;
  conf::Address bound = snapshot_->config.admin.listen;
  if (!admin_.Listen(loop_.base(), &error)) {
    spdlog::error("the admin port cannot listen on {}: {}", bound.ToString(), error);
    return false;
  }
  bound.port = admin_.port();
  spdlog::info("the admin port listens on {}", bound.ToString());
  return true;
}

ExitCode Server::Run() {
  // A port that is taken ends the process before any worker has connected to a node.
  if (!Listen()) return ExitCode::kCannotListen;
  // The loop keeps pointers to the events, so the vector has its final size before the first of them is added.
  signal_events_.resize(std::size(kSignals));
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    evsignal_assign(
        &signal_events_[i], loop_.base(), kSignals[i],
        [](evutil_socket_t number, short, void* self) { static_cast<Server*>(self)->OnSignal(number); }, this);
    event_add(&signal_events_[i], nullptr);
  }
  for (auto& worker : workers_) worker->Start();
  asked_.health->Start();
  asked_.commands->Start();
  for (auto& chore : chores_) chore->Start();
  loop_.Run();
  // What workers have still to log is said before the last line.
  workers_.clear();
  backends::LineLimit::SayAllLeftOut();
  spdlog::info("bye");
  return ExitCode::kClean;
}

WorkerThread& Server::LeastLoaded() {
  return **std::ranges::min_element(workers_, {}, [](const auto& worker) { return worker->sessions(); });
}

void Server::OnSignal(int number) {
  if (number == SIGHUP) {
    spdlog::warn("SIGHUP: this release cannot reload its configuration; restart it instead");
    return;
  }
  if (draining_) {
    spdlog::warn("second signal: leaving at once");
    draining_->gone_by = loop_.now();
    loop_.Stop();
    return;
  }
  Drain();
}

void Server::Drain() {
  acceptor_->Close();
  spdlog::info("draining");  // Who reads it may rely on no new client being accepted.
  admin_.SetDraining();
  auto timer = loop_.NewTimer([this] {
    spdlog::warn("drain timeout: the remaining clients are cut off");
    loop_.Stop();
  });
  draining_ = {workers_.size(), loop_.now() + snapshot_->config.drain_timeout, std::move(timer)};
  const MovingNotice notice = NoticeOf(snapshot_->config);
  for (auto& worker : workers_) {
    worker->Drain(notice, [this] { loop_.Post([this] { OnWorkerDrained(); }); });
  }
  draining_->timer->Arm(snapshot_->config.drain_timeout);
}

void Server::OnWorkerDrained() {
  if (--draining_->workers == 0) loop_.Stop();
}

}  // namespace ringproxy::proxy
