#include "proxy/state/replica_waits.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backends/wire/blocking.h"
#include "backends/wire/error_text.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"
#include "proxy/state/wait_patience.h"

namespace ringproxy::proxy {
namespace {

using backends::PinnedLease;

constexpr std::string_view kWhoAmI = "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n";
constexpr std::string_view kShardMark = "*3\r\n$8\r\nSPUBLISH\r\n$14\r\nringproxy:wait\r\n$0\r\n\r\n";
// Of servers before Redis 7, which have no shard channels.
constexpr std::string_view kPlainMark = "*3\r\n$7\r\nPUBLISH\r\n$14\r\nringproxy:wait\r\n$0\r\n\r\n";
constexpr std::string_view kNodeHasLeft = "-NODEDOWN a node has left its pool while its replicas were waited for\r\n";

// A node answers at once if one of them is none.
bool AreNumbers(const wire::Request& request) {
  for (size_t i = 1; i < request.size(); ++i) {
    if (!wire::ParseInteger(request[i])) return false;
  }
  return true;
}

// Of the reply; empty: it is none of these.
std::vector<int64_t> NumbersIn(std::string_view bytes) {
  std::vector<int64_t> numbers;
  if (const std::optional<int64_t> number = wire::IntegerReply(bytes)) numbers.push_back(*number);
  wire::ArrayReader reader(bytes);
  while (reader.is_array() && reader.remaining() > 0) numbers.push_back(wire::IntegerReply(reader.Next()).value_or(0));
  return numbers;
}

}  // namespace

// The worker ends: nobody is told anything any more.
ReplicaWaits::~ReplicaWaits() {
  for (ReplicaWait& wait : waits_) {
    for (SpreadWaiter& node : wait.nodes) PinnedLease::Forget(std::move(node.link));
  }
}

std::vector<NodeId> ReplicaWaits::NodesFor(const RoutedRequest& routed, const Origin& origin) {
  std::vector<NodeId> nodes;
  for (const uint32_t pool : origin.held->listeners[origin.listener].pools) {
    for (ring::NodeIndex node = 0; node < origin.held.node_pools[pool].node_count(); ++node)
      nodes.push_back({pool, node});
  }
  if (!AreNumbers(routed.request)) nodes.resize(1);
  return nodes;
}

bool ReplicaWaits::LeaseAll(const std::vector<NodeId>& nodes, const Origin& origin, backends::Ticket ticket,
                            std::vector<SpreadWaiter>* links) {
  for (const NodeId to : nodes) {
    backends::NodePool& pool = origin.held.node_pools[to.pool];
    const backends::Admission admission = pool.Admits(to.node, {.is_read = false});
    if (admission == backends::Admission::kGranted) {
      links->emplace_back().link = pool.Pin(to.node, origin.lane.flavour, std::nullopt);
      if (links->back().link) continue;
      links->pop_back();
    }
    for (SpreadWaiter& other : *links) PinnedLease::Return(std::move(other.link));
    admission == backends::Admission::kGranted ? pool.RefusePinned(to.node, ticket)
                                               : pool.Refuse(to.node, admission, ticket);
    return false;
  }
  return true;
}

void ReplicaWaits::Start(const RoutedRequest& routed, const Origin& origin, uint32_t links, backends::Ticket ticket) {
  const std::vector<NodeId> nodes = NodesFor(routed, origin);
  const uint32_t most = origin.held->config.listeners[origin.listener].pinned_per_client;
  if (links + nodes.size() > most) return sink_.OnFailure(ticket, {.code = wire::ErrorCode::kTooManyOwn, .most = most});
  std::vector<SpreadWaiter> leased;
  if (!LeaseAll(nodes, origin, ticket, &leased)) return;
  const uint32_t place = waits_.Acquire();
  ReplicaWait& wait = waits_[place];
  const uint32_t generation = wait.generation + 1;
  wait = ReplicaWait{.ticket = ticket,
                     .client = origin.lane.number,
                     .generation = generation,
                     .request = std::string(routed.request.encoded()),
                     .nodes = std::move(leased),
                     .open = nodes.size() + 1};
  const double seconds = wire::WaitOf(routed.spec, routed.request).value_or(1);
  for (const NodeId node : nodes) {
    const uint32_t patience = PatienceOf(seconds, origin.held->config.pools[node.pool].timeouts);
    wait.patience = std::max(wait.patience, patience);
  }
  by_client_[wait.client] = place;
  // One of them may fail before this returns.
  for (size_t i = 0; i < wait.nodes.size(); ++i) {
    SpreadWaiter& node = wait.nodes[i];
    node.link->Send(kWhoAmI, TicketOf(place, kNumber, i));
    if (node.state == WaiterState::kIdle) node.link->Send(kShardMark, TicketOf(place, kMark, i));
  }
  Settle(place);
}

backends::Ticket ReplicaWaits::TicketOf(uint32_t place, ReplicaQuestion question, size_t node) const {
  const uint32_t slot = static_cast<uint32_t>(node) * kQuestions + question;
  return {place, waits_[place].generation, slot, backends::Ticket::Kind::kReplicaWait};
}

void ReplicaWaits::SendCommand(uint32_t place, size_t i) {
  ReplicaWait& wait = waits_[place];
  SpreadWaiter& node = wait.nodes[i];
  // Another one has said why there is no answer.
  if (!wait.error.words.empty() || wait.error.failure) return EndNode(place, i, true);
  if (!node.link->has_link()) {
    wait.error.words = kNodeHasLeft;
    return EndNode(place, i, false);
  }
  node.state = WaiterState::kArmed;
  const uint32_t generation = wait.generation;
  node.link->Wait(blocks_.Copy(wait.request), TicketOf(place, kCommand, i), wait.patience);
  if (wait.generation == generation && wait.is_cut) Unblock(place, i);
}

void ReplicaWaits::Unblock(uint32_t place, size_t i) {
  SpreadWaiter& node = waits_[place].nodes[i];
  if (node.state != WaiterState::kArmed || !node.link) return;
  // Its failure ends it.
  if (node.number < 0) return PinnedLease::Abandon(std::move(node.link));
  node.Unblock(TicketOf(place, kUnblock, i));
}

void ReplicaWaits::UnblockAll(uint32_t place) {
  ReplicaWait& wait = waits_[place];
  const uint32_t generation = wait.generation;
  wait.is_cut = true;
  for (size_t i = 0; i < wait.nodes.size() && wait.generation == generation; ++i) Unblock(place, i);
}

void ReplicaWaits::Cut(uint32_t client, WaitEnd as) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  ReplicaWait& wait = waits_[found->second];
  // An error is the answer, whatever the nodes say.
  if (as == WaitEnd::kError && !wait.is_cut && wait.error.words.empty()) wait.error.words = kUnblocked;
  UnblockAll(found->second);
}

bool ReplicaWaits::IsEnding(uint32_t client) const {
  const auto found = by_client_.find(client);
  return found != by_client_.end() && waits_[found->second].is_cut;
}

void ReplicaWaits::Leave(uint32_t client) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  // First, so that what fails now leads nowhere.
  std::vector<SpreadWaiter> nodes = std::move(waits_[found->second].nodes);
  Release(found->second);
  for (SpreadWaiter& node : nodes) {
    if (node.link) PinnedLease::Abandon(std::move(node.link));
  }
}

void ReplicaWaits::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  ReplicaWait& wait = waits_[ticket.owner];
  if (wait.generation != ticket.generation) return;
  const uint32_t place = ticket.owner;
  const size_t i = ticket.slot / kQuestions;
  const std::string_view bytes = reply.bytes();
  const uint32_t question = ticket.slot % kQuestions;
  SpreadWaiter& node = wait.nodes[i];
  if (question == kUnblock) {
    --node.unblocks;
    if (!node.link || node.state != WaiterState::kArmed) return;
    // The node may not allow it; or the link is dead.
    const bool is_missed = bytes == ":0\r\n";
    if (wire::IsError(bytes) || (is_missed && ++node.missed == SpreadWaiter::kMostMissed))
      return PinnedLease::Abandon(std::move(node.link));
    if (is_missed) Unblock(place, i);
    return;
  }
  if (question == kNumber) {
    node.number = wire::IntegerReply(bytes).value_or(-1);
    if (wait.is_cut) Unblock(place, i);
    return;
  }
  if (question == kCommand) return OnNumbers(place, i, std::move(reply));
  if (!wire::IsError(bytes)) return SendCommand(place, i);
  if (question == kMark && bytes.starts_with("-ERR unknown command") && node.link->has_link())
    return node.link->Send(kPlainMark, TicketOf(place, kOldMark, i));
  if (wait.error.words.empty()) wait.error.words = bytes;
  EndNode(place, i, true);
}

void ReplicaWaits::OnNumbers(uint32_t place, size_t i, backends::Reply&& reply) {
  ReplicaWait& wait = waits_[place];
  const std::string_view bytes = reply.bytes();
  if (wire::IsError(bytes)) {
    if (wait.error.words.empty()) wait.error.words = bytes;
    // Behind such a reply a server may close the connection.
    return EndNode(place, i, !bytes.starts_with("-UNBLOCKED"));
  }
  const std::vector<int64_t> numbers = NumbersIn(bytes);
  wait.is_array = bytes.starts_with('*');
  if (wait.least.empty()) wait.least = numbers;
  for (size_t n = 0; n < std::min(numbers.size(), wait.least.size()); ++n)
    wait.least[n] = std::min(wait.least[n], numbers[n]);
  EndNode(place, i, true);
}

void ReplicaWaits::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  ReplicaWait& wait = waits_[ticket.owner];
  const uint32_t question = ticket.slot % kQuestions;
  if (wait.generation != ticket.generation) return;
  const size_t i = ticket.slot / kQuestions;
  SpreadWaiter& node = wait.nodes[i];
  if (question == kNumber) {
    // Late, perhaps since the link is dead; if it is lost the other questions fail as well.
    node.number = -1;
    if (wait.is_cut) Unblock(ticket.owner, i);
    return;
  }
  if (question == kUnblock) {
    --node.unblocks;
    if (node.link && node.state == WaiterState::kArmed) PinnedLease::Abandon(std::move(node.link));
    return;
  }
  if (node.state == WaiterState::kOver) return;
  // Its words live no longer than this call.
  if (!failure.words.empty() && wait.error.words.empty()) wire::AppendRedisError(failure, &wait.error.words);
  if (!wait.error.failure) wait.error.SetFailure(failure);
  EndNode(ticket.owner, i, false);
}

void ReplicaWaits::EndNode(uint32_t place, size_t i, bool is_clean) {
  ReplicaWait& wait = waits_[place];
  SpreadWaiter& node = wait.nodes[i];
  node.state = WaiterState::kOver;
  std::unique_ptr<PinnedLease> link = std::move(node.link);
  // What is to end this wait, and is not read yet, would end that of the next client.
  if (link && is_clean && node.unblocks == 0) PinnedLease::Return(std::move(link));
  // The others wait for nothing that anybody would hear of.
  const bool is_void = !wait.error.words.empty() || wait.error.failure;
  const uint32_t generation = wait.generation;
  if (is_void && !wait.is_cut) UnblockAll(place);
  if (waits_[place].generation == generation) Settle(place);
}

void ReplicaWaits::Settle(uint32_t place) {
  ReplicaWait& wait = waits_[place];
  if (--wait.open > 0) return;
  const backends::Ticket ticket = wait.ticket;
  SpreadError error = std::move(wait.error);
  std::string text;
  if (wait.is_array) wire::AppendArrayHeader(wait.least.size(), &text);
  for (const int64_t number : wait.least) wire::AppendInteger(number, &text);
  Release(place);
  if (!error.words.empty()) return sink_.OnReply(ticket, backends::Reply(std::string_view(error.words)));
  if (error.failure) {
    // The views are of those who said it.
    error.failure->pool = error.pool;
    error.failure->node = error.node;
    return sink_.OnFailure(ticket, *error.failure);
  }
  if (text.empty()) return sink_.OnFailure(ticket, {.code = wire::ErrorCode::kBadReply});
  sink_.OnReply(ticket, backends::Reply(std::string_view(text)));
}

void ReplicaWaits::Release(uint32_t place) {
  ReplicaWait& wait = waits_[place];
  by_client_.erase(wait.client);
  wait = ReplicaWait{.generation = wait.generation + 1};
  waits_.Release(place);
}

}  // namespace ringproxy::proxy
