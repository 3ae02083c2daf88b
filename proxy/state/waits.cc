#include "proxy/state/waits.h"

#include <utility>

#include "backends/wire/blocking.h"
#include "backends/wire/resp_reply.h"
#include "proxy/state/deliveries.h"
#include "proxy/state/give_backs.h"
#include "proxy/state/replica_waits.h"
#include "proxy/state/spread_waits.h"
#include "proxy/state/watches.h"

namespace ringproxy::proxy {
namespace {

using backends::PinnedLease;

// A node may have read one CLIENT UNBLOCK before the command, and more than one where the client's end comes with a
// drain.
constexpr uint32_t kMostMissed = 3;

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::string_view kNumberRequest = "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n";

// Where the first key lies.
NodeId FirstOwner(const RoutedRequest& routed, const Origin& origin) {
  wire::KeyPositions keys;
  wire::FindKeys(routed.spec, routed.request, &keys);
  return RouteKey(*origin.held, origin.held->listeners[origin.listener], routed.request[keys.front()]);
}

}  // namespace

Waits::Waits(backends::ReplySink& sink, backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held)
    : sink_(sink),
      io_(io),
      give_backs_(std::make_unique<GiveBacks>(sink, io, held)),
      deliveries_(std::make_unique<Deliveries>(*give_backs_, io)),
      spread_(std::make_unique<SpreadWaits>(sink, io, held, *give_backs_, *deliveries_)),
      replicas_(std::make_unique<ReplicaWaits>(sink, io)) {}

// The worker ends: nobody is told anything any more.
Waits::~Waits() {
  for (WaitEntry& entry : entries_) PinnedLease::Forget(std::move(entry.owned));
}

backends::ReplySink& Waits::spread() {
  return *spread_;
}

backends::ReplySink& Waits::replicas() {
  return *replicas_;
}

backends::ReplySink& Waits::give_backs() {
  return *give_backs_;
}

bool Waits::is_settled() const {
  return entries_.in_use() == 0 && spread_->is_idle() && give_backs_->is_idle() && deliveries_->is_idle();
}

void Waits::Start(RoutedRequest& routed, const Origin& origin, ClientLinks links, backends::Ticket ticket) {
  PinnedLease* own = links.own;
  // The other one is that over which it watches keys.
  const uint32_t before = links.subscribed + (own != nullptr && own->has_link() ? 1 : 0);
  if (wire::CountsReplicas(routed.spec)) return replicas_->Start(routed, origin, before, ticket);
  wire::Failure failure;
  auto to = one_place_.Find(routed.spec, routed.request, *origin.held, origin.listener, {}, &failure);
  // What has no time to wait is an error, which one node tells as well as another.
  const bool is_apart = !to && failure.code == wire::ErrorCode::kCrossSlot;
  const bool is_wrong = is_apart && !wire::WaitOf(routed.spec, routed.request);
  if (is_wrong) to = FirstOwner(routed, origin);
  if (is_apart && !is_wrong && SpreadRequest::Takes(routed.spec, routed.request))
    return spread_->Start(routed, origin, before, ticket);
  if (!to) return sink_.OnFailure(ticket, failure);
  backends::NodePool& nodes = origin.held.node_pools[to->pool];
  const backends::Admission admission = nodes.Admits(to->node, {.is_read = false});
  if (admission != backends::Admission::kGranted) return nodes.Refuse(to->node, admission, ticket);
  const uint32_t client = origin.lane.number;
  std::unique_ptr<PinnedLease> owned;
  const bool has_own = own != nullptr && own->has_link() && nodes.PinnedTo(to->node, client) != nullptr;
  if (!has_own) {
    const uint32_t most = origin.held->config.listeners[origin.listener].pinned_per_client;
    if (before >= most) return sink_.OnFailure(ticket, {.code = wire::ErrorCode::kTooManyOwn, .most = most});
    owned = nodes.Pin(to->node, origin.lane.flavour, std::nullopt);
    if (!owned) return nodes.RefusePinned(to->node, ticket);
    own = owned.get();
  }
  const uint32_t place = entries_.Acquire();
  WaitEntry& entry = entries_[place];
  entry.ticket = ticket;
  entry.client = client;
  entry.owned = std::move(owned);
  entry.link = own;
  entry.number = 0;
  entry.end = WaitEnd::kNone;
  entry.unblocks = entry.missed = 0;
  entry.from = origin.held->config.pools[to->pool].blocking.give_back ? PoppedFromOf(routed.spec, routed.request)
                                                                      : PoppedFrom::kNone;
  entry.protocol = origin.lane.flavour.protocol;
  entry.has_ended = entry.is_told = entry.is_gone = false;
  by_client_[client] = place;
  const backends::Ticket call{place, entry.generation, kCommand, backends::Ticket::Kind::kWait};
  net::Block request = is_wrong       ? io_.blocks.Copy(SpreadRequest::AboutFirstKey(routed.spec, routed.request))
                       : routed.block ? std::move(routed.block)
                                      : io_.blocks.Copy(routed.request.encoded());
  // One whose time is not understood reads an error at once.
  const double seconds = wire::WaitOf(routed.spec, routed.request).value_or(1);
  own->Send(kNumberRequest, {place, entry.generation, kNumber, backends::Ticket::Kind::kWait});
  own->Wait(std::move(request), call, PatienceOf(seconds, origin.held->config.pools[to->pool].timeouts));
}

Waits::WaitEntry* Waits::Find(backends::Ticket ticket) {
  WaitEntry& entry = entries_[ticket.owner];
  return entry.generation == ticket.generation ? &entry : nullptr;
}

Waits::WaitEntry Waits::Take(uint32_t place) {
  const uint32_t next = entries_[place].generation + 1;
  WaitEntry entry = std::move(entries_[place]);
  entries_[place].generation = next;
  entries_[place].link = nullptr;
  entries_.Release(place);
  if (!entry.is_gone) by_client_.erase(entry.client);
  return entry;
}

void Waits::Cut(uint32_t client, WaitEnd as) {
  spread_->Cut(client, as);
  replicas_->Cut(client, as);
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  WaitEnd& end = entries_[found->second].end;
  if (end == WaitEnd::kNone) end = as;
  Unblock(found->second);
}

bool Waits::IsWaiting(uint32_t client) const {
  return by_client_.contains(client) || spread_->EndOf(client) || replicas_->IsWaiting(client);
}

bool Waits::IsEnding(uint32_t client) const {
  if (replicas_->IsEnding(client)) return true;
  const auto found = by_client_.find(client);
  const auto end = found != by_client_.end() ? entries_[found->second].end : spread_->EndOf(client);
  return end.value_or(WaitEnd::kNone) != WaitEnd::kNone;
}

void Waits::Unblock(uint32_t place) {
  WaitEntry& entry = entries_[place];
  if (entry.number < 0) return GiveUp(place);
  if (entry.number == 0 || entry.link == nullptr || !entry.link->has_link()) return;
  ++entry.unblocks;
  entry.is_told = true;
  entry.link->SendBeside(UnblockRequest(entry.number, entry.end),
                         {place, entry.generation, kUnblock, backends::Ticket::Kind::kWait});
}

// Its failure ends the wait.
void Waits::GiveUp(uint32_t place) {
  WaitEntry& entry = entries_[place];
  backends::PinnedLease* const link = std::exchange(entry.link, nullptr);
  if (entry.owned) return PinnedLease::Abandon(std::move(entry.owned));
  if (link != nullptr) link->Break();
}

void Waits::EndOfClient(uint32_t client, Watches& watches) {
  spread_->Cut(client, WaitEnd::kTimeout, true);
  const auto found = by_client_.find(client);
  if (found != by_client_.end()) Detach(found->second, watches);
  Cut(client);
}

void Waits::Detach(uint32_t place, Watches& watches) {
  WaitEntry& entry = entries_[place];
  entry.has_ended = true;
  if (entry.owned || entry.link == nullptr || entry.from == PoppedFrom::kNone) return;
  entry.owned = watches.TakeLink(entry.client);
  // What it has watched is still on it.
  if (entry.owned) entry.owned->Alter();
}

void Waits::Leave(uint32_t client, Watches& watches) {
  spread_->Leave(client);
  replicas_->Leave(client);
  give_backs_->Leave(client);
  deliveries_->Leave(client);
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  const uint32_t place = found->second;
  Detach(place, watches);
  const auto& owned = entries_[place].owned;
  if (entries_[place].from != PoppedFrom::kNone && owned && !owned->is_waiting()) {
    // Its node may have popped something already, which is read before the link serves anybody else.
    by_client_.erase(found);
    entries_[place].is_gone = true;
    entries_[place].end = WaitEnd::kTimeout;
    return Unblock(place);
  }
  WaitEntry entry = Take(place);
  if (entry.owned) return PinnedLease::Abandon(std::move(entry.owned));
  if (entry.link != nullptr) entry.link->Break();
}

void Waits::Tick() {
  for (uint32_t place = 0; place < entries_.end() - entries_.begin(); ++place) {
    if (entries_[place].is_gone && entries_[place].link != nullptr) Unblock(place);
  }
}

void Waits::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  WaitEntry* const known = Find(ticket);
  if (known == nullptr) return;
  if (ticket.slot == kUnblock) {
    --known->unblocks;
    // The node may allow its users no such command; or know nothing of it again and again, since the link is dead.
    const bool is_missed = reply.bytes() == ":0\r\n" && ++known->missed == kMostMissed;
    if (is_missed || wire::IsError(reply.bytes())) GiveUp(ticket.owner);
    return;
  }
  if (ticket.slot == kNumber) {
    known->number = wire::IntegerReply(reply.bytes()).value_or(-1);
    if (known->end == WaitEnd::kNone) return;
    // The client had ended its side before the node had the command. A server would still have answered with what is
    // there at once, and that is on its way: it is here before the answer to a PING that the node reads later.
    const bool may_be_there = known->has_ended && !known->is_gone && known->number > 0;
    if (!may_be_there || known->link == nullptr || !known->link->has_link()) return Unblock(ticket.owner);
    known->link->SendBeside(kPing, {ticket.owner, known->generation, kMoment, backends::Ticket::Kind::kWait});
    return;
  }
  if (ticket.slot == kMoment) return Unblock(ticket.owner);
  WaitEntry entry = Take(ticket.owner);
  // Behind such a reply a server may close the connection; and what is to end this wait, and is not read yet, would end
  // that of the next client.
  const bool is_dropped = reply.bytes().starts_with("-UNBLOCKED") || entry.unblocks > 0;
  const bool is_for_nobody = entry.is_gone || (entry.has_ended && entry.is_told);
  if (is_for_nobody && entry.owned && HasPopped(entry.from, reply.bytes())) {
    GiveBacks::PoppedData popped{
        .from = entry.from, .reply = reply.Keep(io_.blocks), .link = std::move(entry.owned), .is_clean = !is_dropped};
    if (!entry.is_gone) popped.reader = {entry.ticket, entry.client, entry.protocol};
    return give_backs_->Start(std::move(popped));
  }
  Deliver(std::move(entry), std::move(reply), !is_dropped);
}

void Waits::Deliver(WaitEntry&& entry, backends::Reply&& reply, bool is_clean) {
  const bool may_go_back = entry.owned && !entry.is_gone && HasPopped(entry.from, reply.bytes());
  if (may_go_back && !io_.memory.is_short() && io_.memory.HasRoomForReply(0, reply.size())) {
    deliveries_->Keep(entry.client, {.from = entry.from,
                                     .reply = io_.blocks.Copy(reply.bytes()),
                                     .link = std::move(entry.owned),
                                     .is_clean = is_clean});
  } else if (entry.owned && is_clean) {
    PinnedLease::Return(std::move(entry.owned));
  }
  if (!entry.is_gone) sink_.OnReply(entry.ticket, std::move(reply));
}

void Waits::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  WaitEntry* const known = Find(ticket);
  if (known == nullptr) return;
  if (ticket.slot == kNumber) {
    known->number = -1;
    // Late: the link may have been cut off without a word, and then the node never reads the command behind it.
    if (failure.may_have_run || known->end != WaitEnd::kNone) GiveUp(ticket.owner);
    return;
  }
  if (ticket.slot == kUnblock || ticket.slot == kMoment) return GiveUp(ticket.owner);
  WaitEntry entry = Take(ticket.owner);
  // Something had come, and there was no room for it.
  const bool is_lost_data = entry.is_gone && failure.code == wire::ErrorCode::kOutOfMemory;
  if (is_lost_data && entry.owned) give_backs_->OnLost(*entry.owned, "there is no memory for it");
  wire::Failure lost{.code = wire::ErrorCode::kWaitLost, .pool = failure.pool, .node = failure.node};
  // The node may still wait, or have something for nobody.
  if (!entry.owned && entry.link != nullptr && failure.may_have_run) entry.link->Break();
  if (!entry.is_gone) sink_.OnFailure(entry.ticket, failure.may_have_run ? lost : failure);
}

}  // namespace ringproxy::proxy
