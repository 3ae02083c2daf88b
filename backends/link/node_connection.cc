#include "backends/link/node_connection.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <utility>

#include "backends/line_limit.h"
#include "backends/wire/key_mark.h"
#include "backends/wire/memcache_binary.h"
#include "conf/units.h"

namespace ringproxy::backends {
namespace {

// Marks the entry, and writes the packet's header as the node knows it where it has a token. Returns how many bytes.
size_t WriteBinaryHeader(std::string_view packet, wire::CasTag tag, InFlight* entry, NodeLink* link) {
  assert(wire::IsBinaryRequest(packet));
  entry->key_mark = {wire::BinaryMarkOf(packet), wire::KeyMark::Kind::kBinary};
  if (wire::ReadBinaryHeader(packet).cas == 0) return 0;
  std::array<char, wire::kBinaryHeaderBytes> header;
  std::ranges::copy(packet.substr(0, header.size()), header.begin());
  wire::RetagBinaryCas(tag, header.data());
  link->Write(std::string_view(header.data(), header.size()));
  return header.size();
}

// What the reply to memcached has to name. Returns how many bytes of the request are written.
[[gnu::noinline]] size_t MarkMemcache(std::string_view request, bool is_text, wire::CasTag tag, InFlight* entry,
                                      NodeLink* link) {
  if (!is_text) return WriteBinaryHeader(request, tag, entry, link);
  entry->key_mark = wire::KeyMarkOf(request);
  return 0;
}

}  // namespace

NodeConnection::NodeConnection(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, Flavour flavour,
                               ConnectTurns* turns)
    : loop_(parts.io.loop),
      settings_(parts.settings),
      guard_(guard),
      witness_(loop_, settings_, guard, parts.stats),
      pipeline_(loop_, settings_, witness_, sink, parts.stats, [this] { CheckDeadlines(); }),
      link_(parts, *this, flavour),
      is_plain_(flavour.is_plain()),
      turn_(turns, [this](bool has_turn) { has_turn ? link_.Hurry() : link_.Close(); }) {}

void NodeConnection::Become(Flavour flavour) {
  const bool is_new = link_.state() == LinkState::kIdle || link_.state() == LinkState::kClosed;
  link_.Become(flavour);
  is_plain_ = flavour.is_plain();
  if (!is_new) return;
  is_wanted_ = flavour.is_pinned;
  refusal_.clear();
}

void NodeConnection::Connect() {
  if (state() == LinkState::kIdle || state() == LinkState::kClosed) return link_.Connect();
  if (state() != LinkState::kBackoff || !link_.accepts()) return;
  is_wanted_ = true;
  link_.Hurry();
}

net::Duration NodeConnection::WaitToConnect() {
  // Until the turn comes, or what waits for the link has waited for too long and its client lets go of it.
  if (is_wanted_ && turn_.is_needed() && !turn_.Take()) return settings_.timeouts.connect;
  auto need = pipeline_.size() > 0 ? ConnectNeed::kClient : ConnectNeed::kSpare;
  if (is_plain_) need = ConnectNeed::kUsual;
  // Once, and not when it comes back by itself: what a node has lost must not come back all at once.
  return guard_.WaitToConnect(ready(), is_plain_, std::exchange(is_wanted_, false), need);
}

InFlight* NodeConnection::Admit(size_t request_bytes, Ticket ticket, wire::Asked asked) {
  const bool was_ready = ready();
  if (!was_ready && !accepts()) [[unlikely]] {
    // A copy: whoever reads it may go on and have the connection take another flavour.
    pipeline_.Refuse(ticket, std::string(refusal_));
    return nullptr;
  }
  InFlight* const entry = pipeline_.Admit(request_bytes, ticket, asked);
  // It may have been told to wait while nobody waited for it.
  if (!was_ready && pipeline_.size() == 1) [[unlikely]]
    Hurry();
  return entry;
}

void NodeConnection::Send(std::string_view request, Ticket ticket, wire::Asked asked) {
  InFlight* const entry = Admit(request.size(), ticket, asked);
  if (entry == nullptr) return;
  if (settings_.protocol == conf::Protocol::kMemcached)
    request.remove_prefix(MarkMemcache(request, is_plain_, settings_.cas_tag, entry, &link_));
  link_.Write(request);
}

void NodeConnection::Send(net::Block requests, Ticket ticket, wire::Asked asked, uint32_t count, uint32_t seconds) {
  InFlight* const entry = Admit(requests.size(), ticket, asked);
  if (entry == nullptr) return;
  if (count > 1) {
    entry->replies_to_come = count;
    entry->asked.reply = wire::ReplyShape::kAny;
  }
  if (entry->IsBlocking()) entry->replies_to_come = 1;
  if (seconds <= UINT16_MAX) entry->patience_s = static_cast<uint16_t>(seconds);
  if (settings_.protocol == conf::Protocol::kMemcached && !is_plain_)
    requests.Consume(WriteBinaryHeader(requests.bytes(), settings_.cas_tag, entry, &link_));
  link_.Write(std::move(requests));
}

void NodeConnection::OnReady(ServerVersion version) {
  refusal_.clear();
  witness_.OnReady(version);
  pipeline_.OnReady();
  turn_.End();
}

void NodeConnection::OnConnectFailed(std::string_view why) {
  // It may be another server by now.
  refusal_.clear();
  turn_.Fail();
  witness_.OnConnectFailed(why);
}

void NodeConnection::OnRefused(Flavour flavour, std::string_view why) {
  static LineLimit lines;
  turn_.End();
  refusal_ = why;
  const std::string kind = flavour.is_binary()
                               ? "that speak memcached's binary protocol"
                               : fmt::format("of RESP{} in database {}", flavour.protocol, flavour.database);
  lines.Log(loop_.now(), spdlog::level::warn, "node {} of pool {} refuses links {}: {}", settings_.node, settings_.pool,
            kind, why.empty() ? "it closes them" : why);
  witness_.OnRefused();
  const std::string words = refusal_;  // As in Admit.
  pipeline_.FailAll({}, words);
}

void NodeConnection::OnBytes() {
  is_reading_ = true;
  TakeReplies();
  is_reading_ = false;
}

void NodeConnection::TakeReplies() {
  witness_.OnBytes();
  while (const std::optional<ReplyFrame> reply = link_.NextReply()) {
    // With one reply too many, every later one would be read as somebody else's.
    if (pipeline_.size() == 0) return link_.Break("a reply that nobody asked for");
    if (const char* const why = pipeline_.OnReply(*reply); why != nullptr) [[unlikely]]
      return link_.Break(why);
    if (link_.state() == LinkState::kDraining && (ends_at_once_ || pipeline_.size() == 0)) return link_.Close();
  }
  witness_.OnUnfinished(link_.stream().bytes_needed());
  pipeline_.OnBytes(link_.stream().bytes_needed());
  // Only this reply is given up, where it lies: closing the connection would fail requests of strangers.
  if (link_.stream().lacks_memory()) [[unlikely]] {
    if (!link_.stream().is_push()) pipeline_.FailFront(wire::ErrorCode::kOutOfMemory);
    link_.stream().SkipReply();
  }
}

void NodeConnection::OnLost(std::string_view why) {
  ++losses_;
  ends_at_once_ = false;
  turn_.End();
  // A client whose requests make a node close its connections could go on with them.
  static LineLimit lines;
  // One that was idle when it broke is no news: servers close those all the time.
  if (!why.empty() && pipeline_.size() > 0) {
    lines.Log(loop_.now(), spdlog::level::warn, "a connection to node {} of pool {} is lost with {} under way: {}",
              settings_.node, settings_.pool, conf::FormatNumberOf(pipeline_.size(), "request"), why);
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

void NodeConnection::Drain(Ending ending) {
  // The node need not reply to what blocks, and is to have nothing for who will not read it.
  const bool at_once = ending == Ending::kAtOnce || pipeline_.HasBlocking();
  // Whoever reads goes on with a stream that has to be there.
  if (at_once && !is_reading_ && state() != LinkState::kClosed) return link_.Close();
  ends_at_once_ = at_once && is_reading_;
  const bool was_draining = state() == LinkState::kDraining;
  // The last reply may be on the stack, and with it whoever needs no more of it: TakeReplies closes then.
  link_.Drain(pipeline_.size() > 0 || is_reading_);
  if (pipeline_.size() == 0) return;
  // Where all that is under way is late already, no deadline is left that would close it.
  if (state() == LinkState::kDraining && !was_draining) CheckDeadlines();
}

}  // namespace ringproxy::backends
