#include "proxy/control/worker.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "proxy/session/listed_clients.h"

namespace ringproxy::proxy {
namespace {

constexpr net::Duration kTickInterval = std::chrono::seconds(1);
// What one burst has needed is kept up to here, and given back beyond it at the next tick.
constexpr size_t kKeptScratch = 256 << 10;

}  // namespace

Worker::Worker(const WorkerParts& parts, std::shared_ptr<const Snapshot> snapshot, uint64_t seed)
    : stats_(parts.stats),
      io_{.loop = parts.loop, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(seed)},
      sinks_(stats_.errors),
      snapshots_({io_, sinks_, batches_.list(), parts.observer, parts.number}, parts.hand_back),
      fanout_(io_, sinks_, stats_.partial),
      retrier_(io_, sinks_, stats_.retries),
      watched_keys_(snapshot->pools.size(), sinks_),
      limiter_({.io = io_, .shared = parts.limits, .worker = parts.number, .sink = sinks_, .observer = sessions_}),
      dispatcher_(fanout_, retrier_, watched_keys_, sinks_, *this, client_io_.scripts, io_.loop),
      client_io_{.io = io_,
                 .held = snapshots_.held(),
                 .dispatcher = dispatcher_,
                 .executions = Executions(io_, sinks_),
                 .watches = Watches(sinks_),
                 .waits = Waits(sinks_, io_, snapshots_.held()),
                 .limiter = limiter_,
                 .view = parts.view,
                 .pool_stats = stats_.pools,
                 .errors = stats_.errors,
                 .turn = {},
                 .scratch = {},
                 .scripts = ScriptCalls(sinks_, io_.blocks, parts.number, parts.scripts)},
      entrance_(io_, sessions_),
      sessions_(client_io_, stats_.clients),
      tick_(parts.loop.NewTimer([this] { Tick(); })) {
  using Kind = backends::Ticket::Kind;
  sinks_.Set(Kind::kSession, sessions_);
  sinks_.Set(Kind::kSelect, sessions_.selects());
  sinks_.Set(Kind::kFanout, fanout_);
  sinks_.Set(Kind::kRetry, retrier_);
  sinks_.Set(Kind::kLimit, limiter_);
  sinks_.Set(Kind::kStore, limiter_.store());
  sinks_.Set(Kind::kFollowed, watched_keys_.sizes);
  sinks_.Set(Kind::kExpiry, dispatcher_.expiries());
  sinks_.Set(Kind::kTransaction, client_io_.executions);
  sinks_.Set(Kind::kExecutionPart, client_io_.executions.parts());
  sinks_.Set(Kind::kWatch, client_io_.watches);
  sinks_.Set(Kind::kWait, client_io_.waits);
  sinks_.Set(Kind::kSpreadWait, client_io_.waits.spread());
  sinks_.Set(Kind::kReplicaWait, client_io_.waits.replicas());
  sinks_.Set(Kind::kGiveBack, client_io_.waits.give_backs());
  client_io_.subscriptions = std::make_unique<Subscriptions>(io_, parts.number, sinks_, parts.subscriptions, sessions_);
  sinks_.Set(Kind::kPubSub, client_io_.subscriptions->questions());
  dispatcher_.SetPubSub(*client_io_.subscriptions);
  sinks_.Set(Kind::kScript, client_io_.scripts);
  sinks_.Set(Kind::kLibrary, dispatcher_.whole_fleet().libraries());
  client_io_.servers = std::make_unique<ServerDesks>(io_, snapshots_.held(), parts.view, sinks_);
  client_io_.servers->monitors = std::make_unique<Monitors>(io_.loop, sinks_, sessions_, parts.monitors,
                                                            [this](bool follows) { sessions_.Follow(follows); });
  client_io_.servers->clients =
      std::make_unique<ClientDesk>(client_io_, sessions_, entrance_.listeners(), sinks_, parts.clients);
  client_io_.servers->listings =
      std::make_unique<Listings>(io_, sinks_, std::make_unique<ListedClients>(io_, sessions_));
  sinks_.Set(Kind::kInfo, client_io_.servers->info);
  sinks_.Set(Kind::kServers, client_io_.servers->others);
  client_io_.servers->others.SetAwaited([this](backends::Ticket ticket) { return sessions_.Awaits(ticket); });
  entrance_.Open(snapshot->config, stats_.listeners);
  if (parts.memory != nullptr) io_.memory.Join(*parts.memory, io_.blocks);
  snapshots_.Start(std::move(snapshot));
  Follow();
  parts.loop.SetTurnMeter([this](const net::TurnTimes& turn) { stats_.loop.Record(turn); });
  parts.loop.SetEndOfTurn([this] { return EndTurn(); });
  tick_->Arm(kTickInterval);
}

void Worker::Start() {
  for (backends::NodePool& pool : snapshots_.held()->node_pools) pool.Connect();
  // Not only with the first tick: until the store counts this process, the other proxies each take too large a share.
  limiter_.Tick(*snapshots_.held());
}

void Worker::Follow() {
  const Snapshot& in_force = snapshot();
  retrier_.Adopt(in_force);
  limiter_.Adopt(in_force);
  dispatcher_.Adopt(in_force);
  client_io_.scripts.Adopt(in_force);
}

// At the end of a turn, when no request is on the stack.
void Worker::ChangeSnapshots() {
  if (snapshots_.Change()) {
    Follow();
    client_io_.subscriptions->Adopt(*snapshots_.held());
    entrance_.Adopt(snapshot().config);
    for (backends::NodePool& pool : snapshots_.held()->node_pools) pool.Connect();
  }
  snapshots_.GiveBack(batches_.empty());
}

void Worker::Drain(const MovingNotice& notice, std::function<void()> drained) {
  drain_ = {std::move(drained), io_.loop.NewTimer([this] { sessions_.Drain(); })};
  drain_->end_of_service->Arm(notice.service_time());
  entrance_.Drain();
  sessions_.DrainUntold(notice);
}

// Replies first let full sessions read on, then every node is written once, then every session.
net::NextTurn Worker::EndTurn() {
  sessions_.Resume();
  const bool nothing_sent = batches_.empty();
  // Other clients may have requests on their way.
  batches_.Flush(sessions_.size() > 1);
  // When nothing is under way to a node, no client's output waits for more of its batch.
  sessions_.Flush(nothing_sent);
  sessions_.DeleteClosed();
  BoundMemory();
  // What was popped for clients that are gone is still to go back.
  if (drain_ && drain_->drained && sessions_.size() == 0 && client_io_.waits.is_settled())
    std::exchange(drain_->drained, nullptr)();
  if (snapshots_.has_work()) [[unlikely]]
    ChangeSnapshots();
  // They are held, or sessions that have closed are the last to have sent something.
  return !batches_.empty() || sessions_.has_more() ? net::NextTurn::kAtOnce : net::NextTurn::kMayWait;
}

// Everybody was written to: what is held now is for those who do not read, or waits.
void Worker::BoundMemory() {
  io_.memory.Update();
  if (io_.memory.is_short()) io_.blocks.GiveBack();
  if (const uint64_t excess = io_.memory.excess(); excess > 0) [[unlikely]]
    sessions_.CutOffLargest(excess);
}

void Worker::SampleMemory() {
  uint64_t requests = 0;
  uint64_t replies = 0;
  sessions_.ForEach([&](const Session& session) {
    requests += session.request_bytes();
    replies += session.reply_bytes();
  });
  stats_.memory.requests.Set(requests);
  stats_.memory.replies.Set(replies);
  stats_.memory.blocks_in_use.Set(io_.blocks.bytes_in_use());
  stats_.memory.blocks_kept.Set(io_.blocks.free_bytes());
}

void Worker::Tick() {
  io_.blocks.Trim();
  SampleMemory();
  // A huge ECHO must not cost its memory for ever.
  if (client_io_.scratch.capacity() > kKeptScratch) std::string().swap(client_io_.scratch);
  sessions_.Tick(io_.loop.now());
  entrance_.Tick();
  fanout_.Tick();
  client_io_.executions.Tick();
  client_io_.watches.Tick();
  client_io_.waits.Tick();
  client_io_.subscriptions->Tick();
  stats_.clients.subscriptions.Set(client_io_.subscriptions->size());
  client_io_.scripts.Tick();
  client_io_.servers->listings->Tick();
  HeldSnapshot& held = *snapshots_.held();
  for (backends::NodePool& pool : held.node_pools) pool.Tick();
  retrier_.Tick(held);
  limiter_.Tick(held);
  watched_keys_.Tick();
  stats_.hot_keys.Set(watched_keys_.hot.View());
  stats_.key_sizes.Set(watched_keys_.sizes.View());
  stats_.loop.Sample();
  if (held->limit_store) stats_.leases.Set(limiter_.View(*held));
  // Armed at the end, so that ticks of a worker that is late do not pile up.
  tick_->Arm(kTickInterval);
}

}  // namespace ringproxy::proxy
