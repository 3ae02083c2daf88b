#include "proxy/state/spread_waits.h"

#include <chrono>
#include <utility>

#include "backends/wire/blocking.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

using backends::PinnedLease;

// Longer is without end.
constexpr double kMostSeconds = 1e9;

// What was popped goes back if its client leaves, or has left.
bool GivesBack(const SpreadWait& wait, std::string_view reply, const HeldSnapshot& held) {
  if (!HasPopped(wait.from, reply)) return false;
  // No node decides where another one is written to.
  const std::vector<std::string_view> words = GiveBackWords(wait.from, reply);
  if (words.size() <= 1 || !wait.request.Has(words[1])) return false;
  const uint32_t pool = RouteKey(*held, held->listeners[wait.client.listener], words[1]).pool;
  return held->config.pools[pool].blocking.give_back;
}

}  // namespace

// The worker ends: nobody is told anything any more.
SpreadWaits::~SpreadWaits() {
  for (SpreadWait& wait : waits_) {
    for (SpreadWaiter& waiter : wait.waiters) PinnedLease::Forget(std::move(waiter.link));
  }
}

void SpreadWaits::Start(const RoutedRequest& routed, const Origin& origin, uint32_t links, backends::Ticket ticket) {
  const uint32_t place = waits_.Acquire();
  SpreadWait& wait = waits_[place];
  const uint32_t generation = wait.generation + 1;
  wait = SpreadWait{.client = {ticket, origin.lane, origin.listener, links},
                    .generation = generation,
                    .request = SpreadRequest(routed.spec, routed.request),
                    .from = PoppedFromOf(routed.spec, routed.request)};
  const double seconds = *wire::WaitOf(routed.spec, routed.request);
  const auto time = std::chrono::duration<double>(seconds);
  if (seconds > 0 && seconds < kMostSeconds)
    wait.end = io_.loop.now() + std::chrono::duration_cast<net::Duration>(time);
  by_client_[origin.lane.number] = place;
  AskInTurn(place);
}

void SpreadWaits::Advance(uint32_t place) {
  SpreadWait& wait = waits_[place];
  if (wait.probe) return;
  if (wait.ending) return EndWaiters(place);
  if (wait.waiters.empty()) return wait.takes_turns ? TakeTurn(place) : AskInTurn(place);
  const uint32_t generation = wait.generation;
  for (uint32_t i = 0; i < wait.waiters.size(); ++i) {
    if (wait.waiters[i].state == WaiterState::kWoken) return AskFor(place, wait.waiters[i].keys, i);
  }
  for (size_t i = 0; i < wait.waiters.size() && wait.generation == generation; ++i) {
    if (wait.waiters[i].state == WaiterState::kIdle) Send(place, i);
  }
}

void SpreadWaits::EndWaiters(uint32_t place) {
  SpreadWait& wait = waits_[place];
  const uint32_t generation = wait.generation;
  bool is_any_left = false;
  for (size_t i = 0; i < wait.waiters.size(); ++i) {
    SpreadWaiter& waiter = wait.waiters[i];
    // A turn ends soon by itself; and what the node says to its end is the truth about what it has popped.
    const bool is_to_end =
        waiter.state == WaiterState::kArmed && waiter.unblocks == 0 && !waiter.is_ended && !wait.takes_turns;
    if (is_to_end) waiter.Unblock(wait.TicketOf(place, kUnblock, i));
    // It may have failed at once, and with it the last of all.
    if (wait.generation != generation) return;
    is_any_left |= waiter.state == WaiterState::kArmed || waiter.unblocks > 0;
  }
  if (is_any_left) return;
  const Next next = *std::exchange(wait.ending, std::nullopt);
  if (next == Next::kEnd) return Finish(place);
  wait.DropWaiters();
  wait.next = 0;
  if (next == Next::kProbes) return AskInTurn(place);
  wait.takes_turns = true;
  TakeTurn(place);
}

void SpreadWaits::Finish(uint32_t place) {
  SpreadWait& wait = waits_[place];
  const backends::Ticket ticket = wait.client.ticket;
  const uint8_t protocol = wait.client.lane.flavour.protocol;
  const bool is_answered = wait.is_answered;
  const bool is_unblocked = wait.end_as == WaitEnd::kError;
  // What was read is said first: it may have been marked as read.
  net::Block streams = wait.TakeStreams(io_.blocks);
  SpreadError error = std::move(wait.error);
  Release(place);
  if (is_answered) return;
  if (streams) return sink_.OnReply(ticket, backends::Reply(std::move(streams)));
  if (!error.words.empty()) return sink_.OnReply(ticket, backends::Reply(std::string_view(error.words)));
  if (error.failure) {
    // The views are of those who said it.
    error.failure->pool = error.pool;
    error.failure->node = error.node;
    return sink_.OnFailure(ticket, *error.failure);
  }
  if (is_unblocked) return sink_.OnReply(ticket, backends::Reply(kUnblocked));
  sink_.OnReply(ticket, backends::Reply(std::string_view(protocol == 2 ? "*-1\r\n" : "_\r\n")));
}

void SpreadWaits::AskInTurn(uint32_t place) {
  SpreadWait& wait = waits_[place];
  const SpreadRequest& request = wait.request;
  if (request.kind() == SpreadRequest::SpreadKind::kStreams) return AskForEnd(place);
  if (wait.next >= request.key_count()) {
    if (wait.end_as != WaitEnd::kNone || wait.IsOverAt(io_.loop.now())) {
      wait.ending = Next::kEnd;
      return EndWaiters(place);
    }
    wait.next = 0;
    wait.takes_turns = request.kind() == SpreadRequest::SpreadKind::kSortedSets;
    return wait.takes_turns ? TakeTurn(place) : SendWaiters(place);
  }
  // All keys up to the first one of another node.
  const NodeId node = wait.NodeOf(*held_, wait.next);
  std::vector<uint32_t> keys;
  while (wait.next < request.key_count() && wait.NodeOf(*held_, wait.next) == node) keys.push_back(wait.next++);
  AskFor(place, std::move(keys), std::nullopt);
}

void SpreadWaits::AskFor(uint32_t place, std::vector<uint32_t> keys, std::optional<uint32_t> waiter) {
  SpreadWait& wait = waits_[place];
  const NodeId node = wait.NodeOf(*held_, keys.front());
  wait.probe.emplace();
  wait.probed_for = waiter;
  if ((*held_)->pools[node.pool].nodes[node.node]->refuses_transactions())
    return OnProbe(place, Probe::ProbeResult::kRefused);
  backends::NodePool& nodes = held_->node_pools[node.pool];
  const backends::Ticket ticket = wait.TicketOf(place, kProbe);
  const backends::Admission admission = nodes.Admits(node.node, {.is_read = false});
  if (admission != backends::Admission::kGranted) return nodes.Refuse(node.node, admission, ticket);
  const std::string requests = Probe::RequestsOf(wait.request.About(keys, Probe::kSeconds));
  nodes.SendBatch(node.node, wait.client.lane, io_.blocks.Copy(requests), Probe::kRequests, ticket, wire::Work::kPlain);
}

void SpreadWaits::OnProbe(uint32_t place, Probe::ProbeResult result) {
  using ProbeResult = Probe::ProbeResult;
  SpreadWait& wait = waits_[place];
  if (result == ProbeResult::kMore) return;
  Probe probe = *std::exchange(wait.probe, std::nullopt);
  const std::optional<uint32_t> waiter = std::exchange(wait.probed_for, std::nullopt);
  if (waiter) wait.waiters[*waiter].state = WaiterState::kIdle;
  if (result == ProbeResult::kAnswer) {
    // What is there before it waits is the client's, though that has ended its side meanwhile: so a server has it.
    if (!waiter) wait.has_ended = false;
    return Answer(place, probe.TakeAnswer());
  }
  if (result == ProbeResult::kRefused && !wait.ending) wait.ending = Next::kTurns;
  // Another one was faster, and so late that nothing can be waited for any more.
  if (waiter && wait.IsOverAt(io_.loop.now()) && !wait.ending) wait.ending = Next::kEnd;
  Advance(place);
}

void SpreadWaits::Cut(uint32_t client, WaitEnd as, bool has_ended) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  SpreadWait& wait = waits_[found->second];
  wait.has_ended |= has_ended;
  // What is there already is for the client: all nodes are asked once.
  if (wait.end_as == WaitEnd::kNone) wait.end_as = as;
  if (wait.waiters.empty()) return;
  wait.ending = Next::kEnd;
  Advance(found->second);
}

std::optional<WaitEnd> SpreadWaits::EndOf(uint32_t client) const {
  const auto found = by_client_.find(client);
  return found == by_client_.end() ? std::nullopt : std::optional(waits_[found->second].end_as);
}

void SpreadWaits::Leave(uint32_t client) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  const uint32_t place = found->second;
  SpreadWait& wait = waits_[place];
  // What may pop is waited for.
  if (wait.from != PoppedFrom::kNone && (wait.probe || wait.takes_turns)) {
    MarkAnswered(place);
    return Advance(place);
  }
  // First, so that what fails now leads nowhere.
  std::vector<SpreadWaiter> waiters = std::move(wait.waiters);
  Release(place);
  for (SpreadWaiter& waiter : waiters) {
    if (!waiter.link) continue;
    const bool is_clean = waiter.state != WaiterState::kArmed && waiter.unblocks == 0;
    is_clean ? PinnedLease::Return(std::move(waiter.link)) : PinnedLease::Abandon(std::move(waiter.link));
  }
}

void SpreadWaits::Answer(uint32_t place, backends::Reply&& reply, SpreadWaiter* by) {
  SpreadWait& wait = waits_[place];
  const bool is_for_nobody = wait.is_answered || wait.has_ended;
  const bool has_room = !io_.memory.is_short() && io_.memory.HasRoomForReply(0, reply.size());
  if ((is_for_nobody || has_room) && GivesBack(wait, reply.bytes(), *held_)) {
    const backends::Lane lane = wait.client.lane;
    GiveBacks::PoppedData popped{.from = wait.from,
                                 .reply = is_for_nobody ? reply.Keep(io_.blocks) : io_.blocks.Copy(reply.bytes()),
                                 .link = by != nullptr ? std::move(by->link) : nullptr,
                                 .owner = {{wait.client.listener, lane.flavour}},
                                 .is_clean = true};
    if (is_for_nobody) {
      if (!wait.is_answered) popped.reader = {wait.client.ticket, lane.number, lane.flavour.protocol};
      MarkAnswered(place);
      give_backs_.Start(std::move(popped));
      return Advance(place);
    }
    deliveries_.Keep(lane.number, std::move(popped));
  }
  if (!wait.is_answered) sink_.OnReply(MarkAnswered(place), std::move(reply));
  Advance(place);
}

backends::Ticket SpreadWaits::MarkAnswered(uint32_t place) {
  SpreadWait& wait = waits_[place];
  if (!wait.is_answered) by_client_.erase(wait.client.lane.number);
  wait.is_answered = true;
  wait.ending = Next::kEnd;
  return wait.client.ticket;
}

void SpreadWaits::Release(uint32_t place) {
  SpreadWait& wait = waits_[place];
  if (!wait.is_answered) by_client_.erase(wait.client.lane.number);
  wait.DropWaiters();
  wait.probe.reset();
  wait.request = SpreadRequest();
  wait.error = SpreadError();
  waits_.Release(place);
}

void SpreadWaits::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  SpreadWait& wait = waits_[ticket.owner];
  if (wait.generation != ticket.generation) return;
  const uint32_t place = ticket.owner;
  const uint32_t i = ticket.slot / kQuestions;
  switch (ticket.slot % kQuestions) {
    case kProbe: return OnProbe(place, wait.probe->OnReply(std::move(reply), io_.blocks));
    case kStreamEnd: return OnStreamEnd(place, std::move(reply));
    case kCommand: return OnWaiter(place, i, std::move(reply));
    case kNumber: wait.waiters[i].number = wire::IntegerReply(reply.bytes()).value_or(-1); break;
    default: wait.waiters[i].OnUnblocked(reply.bytes()); break;
  }
  // What was to be ended and could not be, or was not because the node had not begun to wait.
  if (wait.ending) Advance(place);
}

void SpreadWaits::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  SpreadWait& wait = waits_[ticket.owner];
  const uint32_t question = ticket.slot % kQuestions;
  if (wait.generation != ticket.generation) return;
  const uint32_t place = ticket.owner;
  const uint32_t i = ticket.slot / kQuestions;
  // Late once it is armed: the link may have been cut off without a word, and then the node never reads what is behind
  // it.
  if (question == kNumber && wait.waiters[i].state != WaiterState::kArmed) {
    wait.waiters[i].number = -1;
    return;
  }
  if (question == kUnblock) {
    // Nothing is lost with a waiter, and its link serves nobody else.
    --wait.waiters[i].unblocks;
    wait.waiters[i].GiveUp();
    return Advance(place);
  }
  if (question == kProbe || question == kStreamEnd) {
    wait.probe.reset();
    if (const auto waiter = std::exchange(wait.probed_for, std::nullopt))
      wait.waiters[*waiter].state = WaiterState::kIdle;
  } else {
    // It was given up.
    if (wait.waiters[i].state == WaiterState::kOver) return;
    // The destructor of a link that was lost closes it: nobody knows whether its node has read what was sent.
    wait.waiters[i].state = WaiterState::kOver;
    wait.waiters[i].link.reset();
  }
  if (wait.is_answered) return Advance(place);
  const wire::Failure lost{.code = wire::ErrorCode::kWaitLost, .pool = failure.pool, .node = failure.node};
  const wire::Failure& said = failure.may_have_run && question != kStreamEnd ? lost : failure;
  if (wait.waiters.empty() || wait.request.kind() != SpreadRequest::SpreadKind::kStreams) {
    sink_.OnFailure(MarkAnswered(place), said);
    return Advance(place);
  }
  // Others may have read something meanwhile, which comes first.
  if (!said.words.empty()) wire::AppendRedisError(said, &wait.error.words);
  if (!wait.error.failure) wait.error.SetFailure(said);
  wait.ending = Next::kEnd;
  Advance(place);
}

}  // namespace ringproxy::proxy
