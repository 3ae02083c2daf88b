#include "proxy/state/give_backs.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "backends/line_limit.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"
#include "proxy/state/executions.h"

namespace ringproxy::proxy {
namespace {

using backends::PinnedLease;

// Nothing: there is no memory for it.
net::Block EncodedIn(backends::WorkerIo& io, const std::vector<std::string_view>& words) {
  constexpr size_t kMostAround = 32;  // Its length, and line ends.
  size_t bytes = kMostAround;
  for (const std::string_view word : words) bytes += word.size() + kMostAround;
  if (!io.memory.HasRoomForReply(0, bytes)) return {};
  net::Block request = io.blocks.Acquire(bytes);
  std::string header;
  wire::AppendArrayHeader(words.size(), &header);
  for (const std::string_view word : words) {
    wire::AppendBulkHeader(word.size(), &header);
    request.Append(header);
    request.Append(word);
    header = "\r\n";
  }
  request.Append(header);
  return request;
}

}  // namespace

// The worker ends: nobody is told anything any more.
GiveBacks::~GiveBacks() {
  for (GiveBackTask& task : tasks_) PinnedLease::Forget(std::move(task.popped.link));
}

NodeId GiveBacks::NodeOf(const PoppedData& popped) const {
  const std::string_view key = GiveBackWords(popped.from, popped.reply.bytes())[1];
  return RouteKey(**held_, (*held_)->listeners[popped.owner->listener], key);
}

void GiveBacks::Start(PoppedData&& popped) {
  if (!popped.link) {
    const NodeId node = NodeOf(popped);
    popped.link = held_->node_pools[node.pool].Pin(node.node, popped.owner->flavour, std::nullopt);
  }
  if (!popped.link) {
    if (popped.reader) return sink_.OnReply(popped.reader->ticket, backends::Reply(std::move(popped.reply)));
    return OnLost(popped, "no connection can be had");
  }
  const uint32_t place = tasks_.Acquire();
  GiveBackTask& task = tasks_[place];
  task.popped = std::move(popped);
  task.tries = 0;
  task.again.reset();
  if (task.popped.reader) by_client_[task.popped.reader->client] = place;
  if (!task.popped.is_marked) task.popped.link->Mark();
  Try(place);
}

void GiveBacks::Leave(uint32_t client) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  tasks_[found->second].popped.reader.reset();
  by_client_.erase(found);
}

void GiveBacks::Try(uint32_t place) {
  GiveBackTask& task = tasks_[place];
  task.again.reset();
  // Another connection may be in another database, and its node may have been started anew from data that has it still.
  if (!task.popped.link->IsKept()) return GiveUp(place, "the connection that has popped it is lost");
  const std::vector<std::string_view> words = GiveBackWords(task.popped.from, task.popped.reply.bytes());
  if (words.empty()) return GiveUp(place, "the node's answer is none of that command");
  net::Block request = EncodedIn(io_, words);
  if (!request) return GiveUp(place, "there is no memory for it");
  ++task.tries;
  task.popped.link->Send(std::move(request), {place, task.generation, 0, backends::Ticket::Kind::kGiveBack});
}

void GiveBacks::TryLater(uint32_t place, std::string_view why) {
  GiveBackTask& task = tasks_[place];
  if (task.tries == kMostTries || !task.popped.link->IsKept() || io_.memory.is_short()) return GiveUp(place, why);
  task.again = io_.loop.now() + task.popped.link->settings().timeouts.request / kMostTries;
  timer_.FireBy(*task.again);
}

void GiveBacks::OnTime() {
  const net::TimePoint now = io_.loop.now();
  // Some end meanwhile, and none begins.
  for (uint32_t place = 0; place < tasks_.end() - tasks_.begin(); ++place) {
    const std::optional<net::TimePoint> again = tasks_[place].again;
    if (!again) continue;
    *again <= now ? Try(place) : timer_.FireBy(*again);
  }
}

GiveBacks::PoppedData GiveBacks::Take(uint32_t place) {
  GiveBackTask& task = tasks_[place];
  PoppedData popped = std::exchange(task.popped, {});
  ++task.generation;
  task.again.reset();
  tasks_.Release(place);
  if (popped.reader) by_client_.erase(popped.reader->client);
  return popped;
}

void GiveBacks::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  if (tasks_[ticket.owner].generation != ticket.generation) return;
  if (wire::IsError(reply.bytes()))
    return TryLater(ticket.owner, reply.bytes().substr(1, reply.bytes().find('\r') - 1));
  PoppedData popped = Take(ticket.owner);
  if (popped.link->has_link()) popped.link->stats().given_back.Add();
  if (popped.is_clean) PinnedLease::Return(std::move(popped.link));
  if (popped.reader) sink_.OnReply(popped.reader->ticket, backends::Reply(Executions::NilOf(popped.reader->protocol)));
}

void GiveBacks::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  if (tasks_[ticket.owner].generation != ticket.generation) return;
  if (!failure.may_have_run) return TryLater(ticket.owner, wire::ErrorName(failure.code));
  PoppedData popped = Take(ticket.owner);
  OnLost(*popped.link, "the push was not answered and may have been done");
  const wire::Failure lost{.code = wire::ErrorCode::kWaitLost, .pool = failure.pool, .node = failure.node};
  if (popped.reader) sink_.OnFailure(popped.reader->ticket, lost);
}

void GiveBacks::GiveUp(uint32_t place, std::string_view why) {
  PoppedData popped = Take(place);
  if (!popped.reader) OnLost(*popped.link, why);
  if (popped.is_clean) PinnedLease::Return(std::move(popped.link));
  if (popped.reader) sink_.OnReply(popped.reader->ticket, backends::Reply(std::move(popped.reply)));
}

void GiveBacks::OnLost(const PinnedLease& link, std::string_view why) {
  // A node that has left its pool shows no counters.
  if (!link.has_link()) return LogLost("?", "?", why);
  link.stats().lost_data.Add();
  LogLost(link.settings().pool, link.settings().node, why);
}

void GiveBacks::OnLost(const PoppedData& popped, std::string_view why) {
  if (popped.link) return OnLost(*popped.link, why);
  const NodeId node = NodeOf(popped);
  held_->node_pools[node.pool].Count(node.node, &backends::NodeStats::lost_data);
  const conf::Pool& pool = (*held_)->config.pools[node.pool];
  LogLost(pool.name, pool.nodes[node.node].name, why);
}

void GiveBacks::LogLost(std::string_view pool, std::string_view node, std::string_view why) {
  static backends::LineLimit lines;
  lines.Log(io_.loop.now(), spdlog::level::warn,
            "what node {} of pool {} popped for a client that has left is lost, for it cannot be given back: {}", node,
            pool, why);
}

}  // namespace ringproxy::proxy
