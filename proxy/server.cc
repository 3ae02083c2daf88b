#include "proxy/server.h"

#include <event2/event.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <thread>

#include "backends/line_limit.h"
#include "backends/own_trouble.h"
#include "backends/wire/error_text.h"
#include "proxy/control/descriptors.h"
#include "proxy/control/process_memory.h"

namespace ringproxy::proxy {
namespace {

// Debugging libevent is not what the log's level is for.
void LogForLibevent(int severity, const char* text) {
  static backends::LineLimit lines;
  if (severity == EVENT_LOG_DEBUG) return;
  const auto level = severity == EVENT_LOG_ERR    ? spdlog::level::err
                     : severity == EVENT_LOG_WARN ? spdlog::level::warn
                                                  : spdlog::level::info;
  const auto now = std::chrono::time_point_cast<net::Duration>(std::chrono::steady_clock::now());
  lines.Log(now, level, "libevent: {}", text);
}

uint64_t DrawSeed() {
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

std::shared_ptr<const Snapshot> NewSnapshot(conf::Config config, backends::NodeRegistry& nodes, SharedLimits& limits) {
  auto snapshot = MakeSnapshot(std::move(config), nodes);
  limits.Compile(*snapshot);
  return snapshot;
}

}  // namespace

Server::Server(conf::Config config)
    : worker_count_(config.workers > 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency())),
      nodes_(worker_count_),
      limits_(worker_count_, DrawSeed()),
      snapshot_(NewSnapshot(std::move(config), nodes_, limits_)),
      accepted_(snapshot_->config.listeners.size()),
      admin_(snapshot_, nodes_),
      drain_timer_(loop_.NewTimer([this] {
        spdlog::warn("drain timeout: the remaining clients are cut off");
        loop_.Stop();
      })),
      memory_timer_(loop_.NewTimer([this] { MeasureMemory(); })),
      load_timer_(loop_.NewTimer([this] { SampleLoads(); })),
      refusal_timer_(loop_.NewTimer([this] { LogRefusals(); })) {
  event_set_log_callback(LogForLibevent);
  room_for_clients_ = RaiseDescriptorLimit(DescriptorsNeeded(snapshot_->config, worker_count_));
  for (uint32_t i = 0; i < worker_count_; ++i) stats_.push_back(std::make_unique<WorkerStats>(*snapshot_));
  std::random_device entropy;
  memory_ = std::make_unique<net::ProcessMemory>(MemoryLimit(snapshot_->config), worker_count_);
  health_ = std::make_unique<HealthMonitor>(loop_, *snapshot_, entropy(), WorkerOrders());
  refusal_log_ = std::make_unique<RefusalLog>(*snapshot_, stats_);
  admin_.Observe(stats_, *health_, limits_, *memory_);
  for (uint32_t i = 0; i < worker_count_; ++i) {
    const auto on_breaker = [this, i](const backends::BreakerNews& news) {
      loop_.Post([this, i, news] { health_->OnBreaker(i, news); });
    };
    // It dies with the work that is posted.
    const auto hand_back = [this](std::shared_ptr<const Snapshot> old) { loop_.Post([kept = std::move(old)] {}); };
    workers_.push_back(
        std::make_unique<WorkerThread>(snapshot_, stats_, i, entropy(), limits_, *memory_, on_breaker, hand_back));
  }
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
  for (event& signal_event : signal_events_) event_del(&signal_event);
}

bool Server::Listen() {
  std::string error;
  for (uint32_t i = 0; i < snapshot_->config.listeners.size(); ++i) {
    const conf::Listener& listener = snapshot_->config.listeners[i];
    const conf::Address& at = listener.listen;
    auto socket = net::ListenSocket::Open(
        loop_.base(), {at.host, at.port, at.unix_path, listener.keepalive},
        [this, i](int fd, std::string peer) { Accept(i, fd, std::move(peer)); },
        [this](int cause) { backends::NoteOwnTrouble(backends::Attempt::kAccept, cause, loop_.now()); }, &error);
    if (!socket) {
      spdlog::error("listener {} cannot listen on {}: {}", listener.name, at.ToString(), error);
      return false;
    }
    conf::Address bound = at;
    if (!at.is_unix()) bound.port = socket->port();
    spdlog::info("listener {} listens on {}", listener.name, bound.ToString());
    listeners_.push_back(std::move(socket));
  }
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
  if (!Listen()) return ExitCode::kCannotListen;
  signal_events_.resize(std::size(kSignals));
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    evsignal_assign(
        &signal_events_[i], loop_.base(), kSignals[i],
        [](evutil_socket_t number, short, void* self) { static_cast<Server*>(self)->OnSignal(number); }, this);
    event_add(&signal_events_[i], nullptr);
  }
  for (auto& worker : workers_) worker->Start();
  health_->Start();
  SampleLoads();
  LogRefusals();
  MeasureMemory();
  loop_.Run();
  workers_.clear();
  spdlog::info("bye");
  return ExitCode::kClean;
}

uint64_t Server::ClientsOf(uint32_t listener) const {
  uint64_t closed = 0;
  for (const auto& stats : stats_) closed += stats->listeners[listener].closed.value();
  return accepted_[listener] - closed;
}

std::string Server::WhyFull(uint32_t listener) const {
  const conf::Listener& conf = snapshot_->config.listeners[listener];
  if (ClientsOf(listener) >= conf.max_connections) {
    return "listener " + conf.name + " has max_connections, " + std::to_string(conf.max_connections);
  }
  uint64_t clients = 0;
  for (uint32_t i = 0; i < accepted_.size(); ++i) clients += ClientsOf(i);
  if (clients < room_for_clients_) return {};
  return "the limit on descriptors leaves room for " + std::to_string(room_for_clients_) + " clients";
}

WorkerThread& Server::LeastLoaded() {
  return **std::ranges::min_element(workers_, {}, [](const auto& worker) { return worker->sessions(); });
}

void Server::Refuse(uint32_t listener, int fd, const std::string& why, const std::string& peer) {
  static backends::LineLimit lines;
  lines.Log(loop_.now(), spdlog::level::warn, "{}: client {} is refused", why, peer);
  std::string refusal;
  if (snapshot_->config.listeners[listener].protocol == conf::Protocol::kMemcached) {
    wire::AppendMemcacheError(wire::ErrorCode::kTooManyClients, &refusal);
  } else {
    wire::AppendRedisError({wire::ErrorCode::kTooManyClients}, &refusal);
  }
  send(fd, refusal.data(), refusal.size(), MSG_NOSIGNAL);
  // What it has sent already would turn the end into a reset, which may overtake the words.
  shutdown(fd, SHUT_WR);
  char unread[4096];
  for (int reads = 0; reads < 16 && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0; ++reads) {
  }
  close(fd);
}

void Server::Accept(uint32_t listener, int fd, std::string peer) {
  if (const std::string why = WhyFull(listener); !why.empty()) return Refuse(listener, fd, why, peer);
  ++accepted_[listener];
  std::string user = snapshot_->config.listeners[listener].listen.is_unix() ? net::PeerUser(fd) : std::string();
  LeastLoaded().AddClient(listener, NewClient(next_client_id_++, std::move(peer), std::move(user)), fd);
}

void Server::OnSignal(int number) {
  if (number == SIGHUP) {
    spdlog::warn("SIGHUP: this release cannot reload its configuration; restart it instead");
    return;
  }
  if (draining_) {
    spdlog::warn("second signal: leaving at once");
    loop_.Stop();
    return;
  }
  Drain();
}

void Server::Drain() {
  draining_ = true;
  listeners_.clear();
  spdlog::info("draining");  // Who reads it may rely on no new client being accepted.
  admin_.SetDraining();
  workers_draining_ = workers_.size();
  for (auto& worker : workers_) {
    worker->Drain([this] { loop_.Post([this] { OnWorkerDrained(); }); });
  }
  drain_timer_->Arm(snapshot_->config.drain_timeout);
}

void Server::SampleLoads() {
  nodes_.Tick(loop_.now());
  load_timer_->Arm(backends::LoadHistory::kStep);
}

void Server::MeasureMemory() {
  memory_->SetResident(ResidentBytes());
  memory_timer_->Arm(std::chrono::seconds(1));
}

void Server::LogRefusals() {
  for (const std::string& line : refusal_log_->Lines(loop_.now())) spdlog::warn("{}", line);
  refusal_timer_->Arm(std::chrono::seconds(1));
}

void Server::OnWorkerDrained() {
  if (--workers_draining_ == 0) loop_.Stop();
}

}  // namespace ringproxy::proxy
