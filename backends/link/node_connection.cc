#include "backends/link/node_connection.h"

#include <optional>
#include <utility>

#include "backends/line_limit.h"
#include "backends/wire/key_mark.h"

namespace ringproxy::backends {

NodeConnection::NodeConnection(WorkerIo& io, const NodeSettings& settings, NodeGuard& guard, ReplySink& sink,
                               FlushList& flush_list, NodeStats& stats)
    : loop_(io.loop),
      settings_(settings),
      guard_(guard),
      witness_(io.loop, settings, guard, stats),
      pipeline_(io.loop, settings, witness_, sink, stats, [this] { CheckDeadlines(); }),
      link_(io, settings, *this, flush_list, stats) {}

InFlight* NodeConnection::Admit(size_t request_bytes, Ticket ticket, wire::Work work) {
  if (accepts()) return pipeline_.Admit(request_bytes, ticket, work);
  pipeline_.Refuse(ticket);
  return nullptr;
}

void NodeConnection::Send(std::string_view request, Ticket ticket, wire::Work work) {
  InFlight* const entry = Admit(request.size(), ticket, work);
  if (entry == nullptr) return;
  if (settings_.protocol == conf::Protocol::kMemcached) entry->key_mark = wire::KeyMarkOf(request);
  link_.Write(request);
}

void NodeConnection::Send(net::Block request, Ticket ticket, wire::Work work) {
  if (Admit(request.size(), ticket, work) != nullptr) link_.Write(std::move(request));
}

void NodeConnection::OnReady() {
  witness_.OnReady();
  pipeline_.OnReady();
}

void NodeConnection::OnBytes() {
  witness_.OnBytes();
  while (const std::optional<ReplyFrame> reply = link_.NextReply()) {
    // With one reply too many, every later one would be read as somebody else's.
    if (pipeline_.empty()) return link_.Break("a reply that nobody asked for");
    if (pipeline_.NamesAnotherKey(*reply)) [[unlikely]]
      return link_.Break("a reply that names another key than was asked");
    pipeline_.OnReply(*reply);
    if (link_.state() == LinkState::kDraining && pipeline_.empty()) return link_.Close();
  }
  witness_.OnUnfinished(link_.stream().bytes_needed());
  pipeline_.OnBytes(link_.stream().bytes_needed());
  // Only this reply is given up, where it lies: closing the connection would fail requests of strangers.
  if (link_.stream().lacks_memory()) [[unlikely]] {
    pipeline_.FailFront(wire::ErrorCode::kOutOfMemory);
    link_.stream().SkipReply();
  }
}

void NodeConnection::OnLost(std::string_view why) {
  // A client whose requests make a node close its connections could go on with them.
  static LineLimit lines;
  // One that was idle when it broke is no news: servers close those all the time.
  if (!why.empty() && !pipeline_.empty()) {
    lines.Log(loop_.now(), spdlog::level::warn,
              "a connection to node {} of pool {} is lost with {} requests under way: {}", settings_.node,
              settings_.pool, pipeline_.size(), why);
  }
  pipeline_.FailAll(why);
}

void NodeConnection::CheckDeadlines() {
  const bool any_late = pipeline_.FailLate();
  if (any_late) DropUnwritten();
  // Nobody waits for the replies that are still to come.
  if (state() == LinkState::kDraining && !pipeline_.anyone_waits()) return link_.Close();
  // What waits for the link is not the node's to answer.
  if (state() != LinkState::kReady && state() != LinkState::kDraining) return;
  if (pipeline_.IsSilentForLong(any_late)) {
    // A new connection to such a node is likely to be as silent, so no request waits for it.
    return link_.Break("no reply to several requests in a row", NodeLink::Outlook::kBad);
  }
  pipeline_.LookForSilence();
}

void NodeConnection::DropUnwritten() {
  for (;;) {
    const ReplyPipeline::Dropped dropped = pipeline_.DropLate(link_.batch_bytes());
    if (dropped.bytes == 0) return;
    link_.TakeBack(dropped.offset, dropped.bytes);
  }
}

void NodeConnection::Drain() {
  const bool was_draining = state() == LinkState::kDraining;
  link_.Drain(!pipeline_.empty());
  // Where all that is under way is late already, no deadline is left that would close it.
  if (state() == LinkState::kDraining && !was_draining) CheckDeadlines();
}

}  // namespace ringproxy::backends
