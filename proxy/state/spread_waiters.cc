// How waiters are sent, and what they come back with. The rest of the class is in spread_waits.cc.
#include <algorithm>
#include <utility>

#include "backends/wire/resp_reply.h"
#include "proxy/state/spread_waits.h"
#include "proxy/state/wait_patience.h"

namespace ringproxy::proxy {
namespace {

using backends::PinnedLease;

constexpr std::string_view kAskNumber = "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n";
// A turn at one node, while the others may have something.
constexpr double kTurnSeconds = 0.1;

}  // namespace

void SpreadWaits::AskForEnd(uint32_t place) {
  SpreadWait& wait = waits_[place];
  while (wait.next < wait.request.key_count() && !wait.request.IsFromEnd(wait.next)) ++wait.next;
  if (wait.next == wait.request.key_count()) return SendWaiters(place);
  const NodeId node = wait.NodeOf(*held_, wait.next);
  backends::NodePool& nodes = held_->node_pools[node.pool];
  const backends::Ticket ticket = wait.TicketOf(place, kStreamEnd);
  const backends::Admission admission = nodes.Admits(node.node, {.is_read = true});
  if (admission != backends::Admission::kGranted) return nodes.Refuse(node.node, admission, ticket);
  backends::Lane lane = wait.client.lane;
  lane.flavour.is_pinned = false;
  nodes.Send(node.node, lane, std::string_view(wait.request.EndQuestionOf(wait.next)), ticket);
}

void SpreadWaits::OnStreamEnd(uint32_t place, backends::Reply&& reply) {
  SpreadWait& wait = waits_[place];
  const std::string_view bytes = reply.bytes();
  if (wire::IsError(bytes) && !bytes.starts_with("-ERR no such key")) return Answer(place, std::move(reply));
  wait.request.SetId(wait.next++, wire::FieldOf(bytes, "last-generated-id").value_or("0-0"));
  AskForEnd(place);
}

void SpreadWaits::SendWaiters(uint32_t place) {
  SpreadWait& wait = waits_[place];
  const bool is_streams = wait.request.kind() == SpreadRequest::SpreadKind::kStreams;
  for (uint32_t i = 0; i < wait.request.key_count(); ++i) {
    const auto known = std::ranges::find_if(wait.waiters, [&](const SpreadWaiter& waiter) {
      const uint32_t first = waiter.keys.front();
      return is_streams ? wait.NodeOf(*held_, first) == wait.NodeOf(*held_, i)
                        : wait.request.key(first) == wait.request.key(i);
    });
    if (known == wait.waiters.end()) {
      wait.waiters.emplace_back().keys.push_back(i);
    } else if (is_streams) {
      known->keys.push_back(i);
    }
  }
  // All links first: where there is none nothing is asked.
  for (size_t i = 0; i < wait.waiters.size(); ++i) {
    if (!Lease(place, i)) return;
  }
  const uint32_t generation = wait.generation;
  for (size_t i = 0; i < wait.waiters.size() && wait.generation == generation && !wait.ending; ++i) Send(place, i);
  // What is there is read all the same.
  if (wait.generation == generation && wait.end_as != WaitEnd::kNone && !wait.ending) {
    wait.ending = Next::kEnd;
    EndWaiters(place);
  }
}

void SpreadWaits::TakeTurn(uint32_t place) {
  SpreadWait& wait = waits_[place];
  std::vector<NodeId> nodes;
  for (uint32_t i = 0; i < wait.request.key_count(); ++i) {
    const NodeId node = wait.NodeOf(*held_, i);
    if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
  }
  const NodeId node = nodes[wait.next++ % nodes.size()];
  SpreadWaiter& waiter = wait.waiters.emplace_back();
  for (uint32_t i = 0; i < wait.request.key_count(); ++i) {
    if (wait.NodeOf(*held_, i) == node) waiter.keys.push_back(i);
  }
  if (Lease(place, 0)) Send(place, 0);
}

bool SpreadWaits::Lease(uint32_t place, size_t i) {
  SpreadWait& wait = waits_[place];
  const uint32_t most = (*held_)->config.listeners[wait.client.listener].pinned_per_client;
  if (wait.client.links + wait.waiters.size() > most) {
    sink_.OnFailure(MarkAnswered(place), {.code = wire::ErrorCode::kTooManyOwn, .most = most});
    Advance(place);
    return false;
  }
  const NodeId node = wait.NodeOf(*held_, wait.waiters[i].keys.front());
  backends::NodePool& nodes = held_->node_pools[node.pool];
  const backends::Ticket call = wait.TicketOf(place, kCommand, i);
  const backends::Admission admission = nodes.Admits(node.node, {.is_read = false});
  if (admission != backends::Admission::kGranted) {
    nodes.Refuse(node.node, admission, call);
    return false;
  }
  wait.waiters[i].link = nodes.Pin(node.node, wait.client.lane.flavour, std::nullopt);
  if (!wait.waiters[i].link) {
    nodes.RefusePinned(node.node, call);
    return false;
  }
  // A turn is not ended before its time.
  if (!wait.takes_turns) wait.waiters[i].link->Send(kAskNumber, wait.TicketOf(place, kNumber, i));
  return true;
}

void SpreadWaits::Send(uint32_t place, size_t i) {
  SpreadWait& wait = waits_[place];
  SpreadWaiter& waiter = wait.waiters[i];
  // The node has left the pool.
  if (!waiter.link->has_link()) {
    wait.ending = Next::kProbes;
    return EndWaiters(place);
  }
  std::optional<double> seconds = wait.LeftAt(io_.loop.now());
  if (wait.takes_turns) seconds = std::min(kTurnSeconds, seconds.value_or(kTurnSeconds));
  const bool is_about_all = wait.takes_turns || wait.request.kind() == SpreadRequest::SpreadKind::kStreams;
  const uint32_t key = waiter.keys.front();
  const std::string request =
      is_about_all ? wait.request.About(waiter.keys, seconds) : wait.request.WaiterOf(key, seconds);
  const conf::Timeouts& timeouts = (*held_)->config.pools[wait.NodeOf(*held_, key).pool].timeouts;
  waiter.state = WaiterState::kArmed;
  waiter.is_ended = false;
  waiter.link->Wait(io_.blocks.Copy(request), wait.TicketOf(place, kCommand, i),
                    PatienceOf(seconds.value_or(0), timeouts));
}

void SpreadWaits::OnWaiter(uint32_t place, uint32_t i, backends::Reply&& reply) {
  SpreadWait& wait = waits_[place];
  SpreadWaiter& waiter = wait.waiters[i];
  const std::string_view bytes = reply.bytes();
  waiter.state = WaiterState::kIdle;
  // Behind such a reply a server may close the connection.
  const bool is_forced = bytes.starts_with("-UNBLOCKED");
  const std::unique_ptr<PinnedLease> dropped = is_forced ? std::move(waiter.link) : nullptr;
  if (wait.request.kind() == SpreadRequest::SpreadKind::kStreams) {
    wait.TakeReply(i, std::move(reply), io_.loop.now(), io_.blocks);
    return Advance(place);
  }
  const bool is_error = wire::IsError(bytes);
  if (wait.takes_turns && !wire::IsNil(bytes)) return Answer(place, std::move(reply), &waiter);
  if (wait.ending) return Advance(place);
  if (is_forced) return Answer(place, std::move(reply));
  if (wait.takes_turns) {
    wait.DropWaiters();
    if (wait.IsOverAt(io_.loop.now())) wait.ending = Next::kEnd;
  } else if (is_error) {
    // The probes find out whose type is the wrong one. What else a waiter is refused for may not concern the command.
    wait.ending = bytes.starts_with("-WRONGTYPE") ? Next::kProbes : Next::kTurns;
  } else if (wire::IsNil(bytes)) {
    if (wait.IsOverAt(io_.loop.now())) wait.ending = Next::kEnd;
  } else {
    waiter.state = WaiterState::kWoken;
  }
  Advance(place);
}

}  // namespace ringproxy::proxy
