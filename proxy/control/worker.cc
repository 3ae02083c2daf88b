#include "proxy/control/worker.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace ringproxy::proxy {
namespace {

// About eight GETs: turns that bring more are long already.
constexpr size_t kSmallBatch = 384;
constexpr net::Duration kTickInterval = std::chrono::seconds(1);
constexpr size_t kKeptScratch = 256 << 10;
constexpr size_t kKeptParsers = 16;
// Whoever holds less is not to blame for a lack of memory.
constexpr uint64_t kWorthCuttingOff = 4 << 10;

wire::Limits LimitsOf(const conf::ClientLimits& limits) {
  return {.request_bytes = limits.request_bytes,
          .bulk_bytes = limits.bulk_bytes,
          .key_bytes = limits.key_bytes,
          .arguments = limits.arguments,
          .inline_bytes = limits.inline_bytes};
}

// Those of the limits, on their way to the ticket that they stand for.
bool ConcernsLimits(backends::Ticket ticket) {
  return ticket.kind == backends::Ticket::Kind::kLimit || ticket.kind == backends::Ticket::Kind::kStore;
}

}  // namespace

Worker::Worker(const WorkerParts& parts, std::shared_ptr<const Snapshot> snapshot, uint64_t seed)
    : stats_(parts.stats),
      hand_back_(parts.hand_back),
      io_{.loop = parts.loop, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(seed)},
      node_parts_{io_, *this, flush_list_, parts.observer, parts.number},
      fanout_(io_, *this, stats_.partial),
      retrier_(io_, *this, stats_.retries),
      hot_keys_(snapshot->pools.size()),
      limiter_({.io = io_, .shared = parts.limits, .worker = parts.number, .sink = *this, .observer = *this}),
      dispatcher_(fanout_, retrier_, hot_keys_, *this, *this),
      client_io_{.io = io_,
                 .held = snapshot_,
                 .dispatcher = dispatcher_,
                 .limiter = limiter_,
                 .view = parts.view,
                 .pool_stats = stats_.pools,
                 .errors = stats_.errors,
                 .turn = {},
                 .retired = {},
                 .scratch = {}},
      tick_(parts.loop.NewTimer([this] { Tick(); })) {
  for (uint32_t i = 0; i < snapshot->config.listeners.size(); ++i) {
    const conf::Listener& listener = snapshot->config.listeners[i];
    listeners_.push_back({i, listener, LimitsOf(listener.limits), stats_.listeners[i]});
  }
  if (parts.memory != nullptr) io_.memory.Join(*parts.memory, io_.blocks);
  SetSnapshot(std::make_unique<HeldSnapshot>(std::move(snapshot), node_parts_));
  parts.loop.SetEndOfTurn([this] { return EndTurn(); });
  tick_->Arm(kTickInterval);
}

Worker::~Worker() {
  for (SessionPlace& place : places_) {
    if (place.session) place.session->Close("the proxy ends");
  }
  DeleteRetired();
}

void Worker::Start() {
  for (backends::NodePool& pool : snapshot_->node_pools) pool.Connect();
  limiter_.Tick(*snapshot_);
}

void Worker::Adopt(std::shared_ptr<const Snapshot> snapshot) {
  assert(MayFollow(**snapshot_, *snapshot));
  if (next_snapshot_) hand_back_(std::move(next_snapshot_));
  next_snapshot_ = std::move(snapshot);
}

void Worker::SetSnapshot(std::unique_ptr<HeldSnapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  retrier_.Adopt(**snapshot_);
  limiter_.Adopt(**snapshot_);
  dispatcher_.Adopt(**snapshot_);
}

// At the end of a turn, when no request is on the stack.
void Worker::ChangeSnapshots() {
  if (next_snapshot_) {
    auto next = std::make_unique<HeldSnapshot>(std::move(next_snapshot_), node_parts_, snapshot_.get(), &leaving_);
    next_snapshot_ = nullptr;
    snapshot_->Retire();
    old_snapshots_.push_back(std::move(snapshot_));
    SetSnapshot(std::move(next));
    for (ListenerContext& context : listeners_) {
      context.conf = (*snapshot_)->config.listeners[context.index];
      context.limits = LimitsOf(context.conf.limits);
      context.redis_parser = wire::RequestParser(context.limits);
      context.idle_parsers.clear();
      context.memcache_parser = wire::MemcacheParser(context.limits);
    }
    for (backends::NodePool& pool : snapshot_->node_pools) pool.Connect();
  }
  for (auto& old : old_snapshots_) {
    if (old->is_used()) continue;
    std::shared_ptr<const Snapshot> shared = old->shared;
    old.reset();
    hand_back_(std::move(shared));
  }
  std::erase(old_snapshots_, nullptr);
  // A link may stand in the list of those that are written next.
  if (flush_list_.empty()) std::erase_if(leaving_, [](const auto& node) { return node->is_closed(); });
}

void Worker::AddClient(uint32_t listener, ClientState client, const MakeStream& make_stream) {
  const uint32_t index = places_.Acquire();
  SessionPlace& place = places_[index];
  place.session = NewSession(client_io_, listeners_[listener], index, place.generation, std::move(client));
  place.session->Start(make_stream(*place.session));
  stats_.sessions.Set(places_.in_use());
  if (drained_) place.session->Drain();
}

void Worker::Drain(std::function<void()> drained) {
  drained_ = std::move(drained);
  for (SessionPlace& place : places_) {
    if (place.session) place.session->Drain();
  }
}

void Worker::ForEachClient(const std::function<void(const ClientState&)>& visit) const {
  for (const SessionPlace& place : places_) {
    if (place.session) visit(place.session->client());
  }
}

Session* Worker::Find(backends::Ticket ticket) {
  SessionPlace& place = places_[ticket.owner];
  replied_ = true;
  if (place.generation == ticket.generation && place.session && !place.session->closed()) return place.session.get();
  stats_.stale_replies.Add();
  return nullptr;
}

void Worker::OnAdmitted(backends::Ticket waiting, backends::Ticket use) {
  if (Session* session = Find(waiting)) return session->OnAdmitted(waiting.slot, use);
  limiter_.Abandon(use);
}

void Worker::OnRefused(backends::Ticket waiting, const RateLimiter::Decision& decision) {
  if (Session* session = Find(waiting)) session->OnRefused(waiting.slot, decision);
}

void Worker::OnReply(backends::Ticket ticket, std::string_view reply) {
  if (ConcernsLimits(ticket)) return limiter_.OnReply(ticket, reply);
  if (ticket.kind == backends::Ticket::Kind::kRetry) return retrier_.OnReply(ticket, reply);
  if (ticket.kind == backends::Ticket::Kind::kFanout) return fanout_.OnReply(ticket, io_.blocks.Copy(reply));
  if (Session* session = Find(ticket)) session->OnReply(ticket.slot, reply);
}

void Worker::OnLargeReply(backends::Ticket ticket, net::Block reply) {
  if (ConcernsLimits(ticket)) return limiter_.OnLargeReply(ticket, std::move(reply));
  if (ticket.kind == backends::Ticket::Kind::kRetry) return retrier_.OnLargeReply(ticket, std::move(reply));
  if (ticket.kind == backends::Ticket::Kind::kFanout) return fanout_.OnReply(ticket, std::move(reply));
  if (Session* session = Find(ticket)) session->OnLargeReply(ticket.slot, std::move(reply));
}

void Worker::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  if (ConcernsLimits(ticket)) return limiter_.OnFailure(ticket, failure);
  if (ticket.kind == backends::Ticket::Kind::kRetry) return retrier_.OnFailure(ticket, failure);
  stats_.errors[static_cast<size_t>(failure.code)].Add();
  if (ticket.kind == backends::Ticket::Kind::kFanout) return fanout_.OnFailure(ticket, failure);
  if (Session* session = Find(ticket)) session->OnFailure(ticket.slot, failure);
}

// Replies first let full sessions read on, then every node is written once, then every session.
net::NextTurn Worker::EndTurn() {
  for (size_t i = 0; i < client_io_.turn.size(); ++i) client_io_.turn[i]->Resume();
  nodes_held_ = !nodes_held_ && BatchIsWorthHolding();
  // Nothing came in this turn, so nothing comes soon: what is held leaves now.
  const bool nothing_sent = flush_list_.empty();
  // A flush that breaks a connection fails its requests and so may mark sessions, but sends nothing new.
  if (!nodes_held_) {
    for (size_t i = 0; i < flush_list_.size(); ++i) flush_list_[i]->Flush();
    flush_list_.clear();
  }
  turn_.swap(client_io_.turn);
  const bool idle = nothing_sent && !replied_ && turn_.size() == held_;
  replied_ = false;
  held_ = 0;
  for (Session* session : turn_) held_ += session->Flush(idle) ? 1 : 0;
  turn_.clear();
  DeleteRetired();
  BoundMemory();
  if (drained_ && places_.in_use() == 0) std::exchange(drained_, nullptr)();
  if (next_snapshot_ || !old_snapshots_.empty() || !leaving_.empty()) [[unlikely]]
    ChangeSnapshots();
  // A session that stands in the list again holds its output or has more to read.
  return nodes_held_ || !client_io_.turn.empty() ? net::NextTurn::kAtOnce : net::NextTurn::kMayWait;
}

// A few small requests, and other clients whose own may be on their way: one turn more may spare several writes.
bool Worker::BatchIsWorthHolding() const {
  if (places_.in_use() <= 1) return false;
  size_t bytes = 0;
  for (const backends::Flushable* flushable : flush_list_) bytes += flushable->batch_bytes();
  return bytes > 0 && bytes < kSmallBatch;
}

void Worker::DeleteRetired() {
  for (const uint32_t index : client_io_.retired) {
    SessionPlace& place = places_[index];
    std::erase(client_io_.turn, place.session.get());
    place.session.reset();
    ++place.generation;
    places_.Release(index);
    stats_.sessions.Set(places_.in_use());
  }
  client_io_.retired.clear();
}

// Everybody was written to: what is held now is for those who do not read, or waits.
void Worker::BoundMemory() {
  io_.memory.Update();
  if (io_.memory.is_short()) io_.blocks.GiveBack();
  if (const uint64_t excess = io_.memory.excess(); excess > 0) [[unlikely]]
    CutOffLargest(excess);
}

void Worker::CutOffLargest(uint64_t excess_bytes) {
  std::vector<std::pair<uint64_t, Session*>> holders;
  for (SessionPlace& place : places_) {
    if (!place.session || place.session->closed()) continue;
    const uint64_t held = place.session->request_bytes() + place.session->reply_bytes();
    if (held >= kWorthCuttingOff) holders.emplace_back(held, place.session.get());
  }
  std::ranges::sort(holders, std::ranges::greater(), &std::pair<uint64_t, Session*>::first);
  for (const auto& [held, session] : holders) {
    if (excess_bytes == 0) break;
    session->CutOff("the memory limit is passed and it holds most: " + std::to_string(held >> 10) + " KiB");
    excess_bytes -= std::min(excess_bytes, held);
  }
  DeleteRetired();
}

void Worker::SampleMemory() {
  uint64_t requests = 0;
  uint64_t replies = 0;
  for (const SessionPlace& place : places_) {
    if (!place.session) continue;
    requests += place.session->request_bytes();
    replies += place.session->reply_bytes();
  }
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
  for (SessionPlace& place : places_) {
    if (place.session && !place.session->closed()) place.session->Tick(io_.loop.now());
  }
  for (ListenerContext& listener : listeners_) {
    listener.redis_parser.Reset();
    if (listener.idle_parsers.size() > kKeptParsers) listener.idle_parsers.resize(kKeptParsers);
  }
  fanout_.Tick();
  for (backends::NodePool& pool : snapshot_->node_pools) pool.Tick();
  retrier_.Tick(*snapshot_);
  limiter_.Tick(*snapshot_);
  hot_keys_.Tick();
  stats_.hot_keys.Set(hot_keys_.View());
  if ((*snapshot_)->limit_store) stats_.leases.Set(limiter_.View(**snapshot_));
  tick_->Arm(kTickInterval);
}

}  // namespace ringproxy::proxy
