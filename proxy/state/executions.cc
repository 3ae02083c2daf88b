#include "proxy/state/executions.h"

#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

// An error's words, without its type and its end.
std::string_view WordsOf(std::string_view error) {
  return error.substr(1, error.find('\r') - 1);
}

}  // namespace

Executions::~Executions() {
  for (Execution& entry : entries_) backends::PinnedLease::Forget(std::move(entry.link));
}

void Executions::Start(Transaction& transaction, const Origin& origin, backends::Ticket ticket) {
  // Whatever it has is the proxy's to do.
  if (transaction.count() == 0) return sink_.OnReply(ticket, backends::Reply(std::string_view("*0\r\n")));
  wire::Failure failure;
  const std::optional<NodeId> to = transaction.FindNode({*origin.held, origin.listener}, &failure);
  if (!to) return transaction.is_spread() ? StartParts(transaction, origin, ticket) : Discard(ticket, failure);
  if (!MayStart(*to, origin, ticket)) return;
  Send(transaction.TakeWhole(*to, origin.lane.flavour.database, io_.blocks), origin, ticket);
}

void Executions::StartParts(Transaction& transaction, const Origin& origin, backends::Ticket ticket) {
  // They are copied before the whole goes.
  const size_t held = transaction.held_bytes();
  if (!io_.memory.HasRoomForRequest(held, held)) return Discard(ticket, {.code = wire::ErrorCode::kOutOfMemory});
  std::vector<uint32_t> part_of_command;
  std::vector<TransactionPart> parts = transaction.Split({*origin.held, origin.listener}, io_.blocks, &part_of_command);
  // All are asked before anything is written.
  for (const TransactionPart& part : parts) {
    if (!MayStart(part.node, origin, ticket)) return;
  }
  const uint32_t owner = split_.Open(ticket, std::move(part_of_command), parts.size());
  for (uint32_t i = 0; i < parts.size(); ++i) {
    Send(std::move(parts[i]), origin, {owner, 0, i, backends::Ticket::Kind::kExecutionPart});
  }
}

bool Executions::MayStart(NodeId to, const Origin& origin, backends::Ticket ticket) {
  backends::NodePool& nodes = origin.held.node_pools[to.pool];
  const conf::Pool& pool = origin.held->config.pools[to.pool];
  if (origin.held->pools[to.pool].nodes[to.node]->refuses_transactions()) {
    Discard(ticket, {.code = wire::ErrorCode::kNoTransactions, .pool = pool.name, .node = pool.nodes[to.node].name});
    return false;
  }
  // Its keys go to their owner only: what was read or written elsewhere would be another value.
  const backends::Admission admission = nodes.Admits(to.node, {.is_read = false});
  if (admission == backends::Admission::kGranted) return true;
  const backends::Ticket none{Open({.node = to, .requests = {}}, origin, ticket), 0, 0,
                              backends::Ticket::Kind::kTransaction};
  nodes.Refuse(to.node, admission, none);
  return false;
}

void Executions::Send(TransactionPart part, const Origin& origin, backends::Ticket ticket) {
  const backends::Ticket batch{Open(part, origin, ticket), 0, 0, backends::Ticket::Kind::kTransaction};
  if (part.is_large()) return SendLarge(std::move(part), origin, batch);
  const uint32_t requests = entries_[batch.owner].to_come + 2;
  backends::NodePool& nodes = origin.held.node_pools[part.node.pool];
  nodes.SendBatch(part.node.node, origin.lane, std::move(part.requests), requests, batch, part.work);
}

void Executions::SendLarge(TransactionPart part, const Origin& origin, backends::Ticket batch) {
  const uint32_t most = origin.held->config.listeners[origin.listener].pinned_per_client;
  if (most == 0) return OnFailure(batch, {.code = wire::ErrorCode::kTooManyOwn, .most = most});
  backends::NodePool& nodes = origin.held.node_pools[part.node.pool];
  Execution& entry = entries_[batch.owner];
  entry.link = nodes.Pin(part.node.node, origin.lane.flavour, std::nullopt);
  if (!entry.link) return nodes.RefusePinned(part.node.node, batch);
  entry.link->Send(std::move(part.requests), batch, part.work, entry.to_come + 2);
}

uint32_t Executions::Open(const TransactionPart& part, const Origin& origin, backends::Ticket ticket) {
  const uint32_t place = entries_.Acquire();
  Execution& entry = entries_[place];
  entry.ticket = ticket;
  entry.to_come = part.commands + (part.restores_database ? 1 : 0);
  entry.restores = part.restores_database;
  entry.is_begun = entry.is_strange = entry.is_watched = false;
  entry.refusal.clear();
  entry.node = origin.held->config.pools[part.node.pool].nodes[part.node.node].name;
  entry.held = SnapshotUse(origin.held);
  return place;
}

void Executions::StartWatched(Transaction& transaction, const Origin& origin, WatchedNode watched,
                              backends::Ticket ticket) {
  const NodeId to = watched.node;
  TransactionPart part = transaction.TakeWhole(to, origin.lane.flavour.database, io_.blocks);
  const uint32_t place = Open(part, origin, ticket);
  Execution& entry = entries_[place];
  entry.link = std::move(watched.link);
  entry.is_watched = true;
  entry.protocol = origin.lane.flavour.protocol;
  const backends::Ticket batch{place, 0, 0, backends::Ticket::Kind::kTransaction};
  backends::NodePool& nodes = origin.held.node_pools[to.pool];
  const backends::Admission admission = nodes.Admits(to.node, {.is_read = false});
  if (admission != backends::Admission::kGranted) return nodes.Refuse(to.node, admission, batch);
  entry.link->Send(std::move(part.requests), batch, part.work, entry.to_come + 2);
}

void Executions::Discard(backends::Ticket ticket, const wire::Failure& failure) {
  std::string text;
  wire::AppendRedisError(failure, &text);
  wire::Failure discarded{.code = wire::ErrorCode::kTransactionDiscarded};
  discarded.words = WordsOf(text);
  sink_.OnFailure(ticket, discarded);
}

void Executions::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  Execution& entry = entries_[ticket.owner];
  const bool is_error = wire::IsError(reply.bytes());
  if (!std::exchange(entry.is_begun, true)) {
    entry.is_strange = is_error;
    return;
  }
  if (entry.to_come == 0) return Finish(ticket.owner, std::move(reply));
  --entry.to_come;
  if (is_error && entry.refusal.empty()) entry.refusal = WordsOf(reply.bytes());
}

void Executions::Finish(uint32_t place, backends::Reply&& reply) {
  Execution& entry = entries_[place];
  const backends::Ticket ticket = entry.ticket;
  const std::string refusal = std::move(entry.refusal);
  const SnapshotUse held = std::move(entry.held);
  wire::Failure failure{.code = wire::ErrorCode::kTransactionUnknown, .node = entry.node};
  const bool is_strange = entry.is_strange;
  std::unique_ptr<backends::PinnedLease> link = std::move(entry.link);
  const bool restores = entry.restores && !is_strange;
  entries_.Release(place);
  const bool is_over = wire::EndsTransaction(reply.bytes());
  const bool is_restored = !restores || DropLast(&reply);
  // EXEC has ended the watches, if it was one.
  if (link && !is_strange && is_over && is_restored) backends::PinnedLease::Return(std::move(link));
  if (is_strange) return sink_.OnFailure(ticket, failure);
  // Redis names the reason only if EXEC itself has found it.
  if (!refusal.empty() && wire::IsError(reply.bytes())) {
    failure.code = wire::ErrorCode::kTransactionDiscarded;
    failure.words = refusal;
    return sink_.OnFailure(ticket, failure);
  }
  sink_.OnReply(ticket, std::move(reply));
}

bool Executions::DropLast(backends::Reply* reply) {
  wire::ArrayReader reader(reply->bytes());
  if (!reader.is_array() || reader.remaining() == 0) return true;
  std::string header;
  wire::AppendArrayHeader(reader.remaining() - 1, &header);
  const std::string_view elements = reader.rest();
  while (reader.remaining() > 1) reader.Next();
  const std::string_view kept = elements.substr(0, elements.size() - reader.rest().size());
  const bool is_ok = reader.rest() == "+OK\r\n";
  net::Block shortened = io_.blocks.Acquire(header.size() + kept.size());
  shortened.Append(header);
  shortened.Append(kept);
  *reply = backends::Reply(std::move(shortened));
  return is_ok;
}

void Executions::OnFailure(backends::Ticket batch, const wire::Failure& failure) {
  Execution& entry = entries_[batch.owner];
  const backends::Ticket ticket = entry.ticket;
  const SnapshotUse held = std::move(entry.held);
  const wire::Failure unknown{.code = wire::ErrorCode::kTransactionUnknown, .node = entry.node};
  // Who knows what is on it: it closes.
  const std::unique_ptr<backends::PinnedLease> link = std::move(entry.link);
  const bool is_watched = entry.is_watched;
  const std::string_view nil = NilOf(entry.protocol);
  entries_.Release(batch.owner);
  if (failure.may_have_run) return sink_.OnFailure(ticket, unknown);
  // It reads as a watched key that has changed: nothing was executed, try again.
  if (is_watched) return sink_.OnReply(ticket, backends::Reply(nil));
  Discard(ticket, failure);
}

}  // namespace ringproxy::proxy
