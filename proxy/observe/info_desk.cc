#include "proxy/observe/info_desk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

// INFO @NODE SECTION …: the name, without its sign.
std::optional<std::string_view> NodeIn(const wire::Request& request) {
  if (request.size() < 2 || !request[1].starts_with('@')) return std::nullopt;
  return request[1].substr(1);
}

struct NamedNodes {
  std::vector<NodeId> found;
  std::string pools;  // For an error that names them.
};

// As NAME or POOL/NAME.
NamedNodes FindNodes(const Origin& origin, std::string_view name) {
  NamedNodes named;
  for (const uint32_t pool : origin.held->listeners[origin.listener].pools) {
    const auto& nodes = origin.held->pools[pool].nodes;
    for (uint32_t node = 0; node < nodes.size(); ++node) {
      if (nodes[node]->name() != name && nodes[node]->pool() + "/" + nodes[node]->name() != name) continue;
      named.found.push_back({pool, node});
      named.pools.append(named.pools.empty() ? "" : " and ").append(nodes[node]->pool());
    }
  }
  return named;
}

}  // namespace

InfoDesk::InfoDesk(backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held, const ProxyView& view,
                   backends::ReplySink& sink)
    : io_(io), held_(held), view_(view), sink_(sink), timer_(io.loop, [this] { BeginDue(); }) {}

InfoDesk::ListenerInfo& InfoDesk::Of(uint32_t listener) {
  if (listener >= listeners_.size()) listeners_.resize(listener + 1);
  return listeners_[listener];
}

ProxyFacts InfoDesk::FactsFor(uint32_t listener) const {
  ProxyFacts facts = view_.Facts();
  facts.redis_version = view_.ReleasesOf(listener).least();
  facts.of_listener = view_.ClientsOf(listener);
  return facts;
}

bool InfoDesk::AnswerNow(const wire::Request& request, uint32_t listener, uint8_t protocol, bool is_new,
                         std::string* out) {
  if (NodeIn(request)) return false;
  const InfoSections sections(request);
  if (!sections.needs_nodes()) {
    wire::AppendText(InfoText(FactsFor(listener), {}, sections), protocol, out);
    return true;
  }
  const ListenerInfo& info = Of(listener);
  const bool is_fresh = info.told_at && io_.loop.now() - *info.told_at <= kFresh;
  if (!is_new || !is_fresh || (!info.has_all && !sections.is_default())) return false;
  wire::AppendText(InfoText(FactsFor(listener), info.report, sections), protocol, out);
  return true;
}

void InfoDesk::Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  if (const auto name = NodeIn(routed.request)) return AskNode(*name, routed, origin, ticket);
  Of(origin.listener).next.push_back({ticket, origin.lane.flavour.protocol, InfoSections(routed.request)});
  BeginOrWait(origin.listener);
}

void InfoDesk::AskNode(std::string_view name, const RoutedRequest& routed, const Origin& origin,
                       backends::Ticket ticket) {
  const NamedNodes named = FindNodes(origin, name);
  const std::string_view shown = name.substr(0, 128);
  std::string text;
  if (named.found.size() != 1) {
    text = std::string("ERR no node behind this listener is called '").append(shown).append("'");
    if (!named.found.empty()) {
      text = std::string("ERR nodes of the pools ").append(named.pools).append(" are called '").append(shown);
      text.append("': say @POOL/NODE");
    }
    std::string error;
    wire::AppendError(text, &error);
    return sink_.OnReply(ticket, backends::Reply(error));
  }
  const NodeId to = named.found.front();
  backends::NodePool& pool = origin.held.node_pools[to.pool];
  const backends::Admission admission = pool.Admits(to.node, ClaimOf(routed));
  if (admission != backends::Admission::kGranted) return pool.Refuse(to.node, admission, ticket);
  wire::AppendArrayHeader(routed.request.size() - 1, &text);
  wire::AppendBulk("INFO", &text);
  for (size_t i = 2; i < routed.request.size(); ++i) wire::AppendBulk(routed.request[i], &text);
  pool.Send(to.node, origin.lane, std::string_view(text), ticket);
}

void InfoDesk::BeginOrWait(uint32_t listener) {
  const ListenerInfo& info = listeners_[listener];
  if (info.is_under_way || info.next.empty()) return;
  // Percentiles and all commands take a node ten times as long as the rest.
  constexpr int kForAll = 10;
  const net::Duration pause = PauseOf(info) * (info.asks_all ? kForAll : 1);
  const net::TimePoint due = info.begun.value_or(net::TimePoint::min()) + pause;
  io_.loop.now() < due ? timer_.FireBy(due) : Begin(listener);
}

void InfoDesk::BeginDue() {
  for (uint32_t listener = 0; listener < listeners_.size(); ++listener) BeginOrWait(listener);
}

void InfoDesk::Begin(uint32_t listener) {
  ListenerInfo& info = listeners_[listener];
  info.asked = std::exchange(info.next, {});
  info.asks_all = std::ranges::any_of(info.asked, [](const AskedInfo& one) { return !one.sections.is_default(); });
  info.is_under_way = true;
  info.begun = io_.loop.now();
  info.nodes.clear();
  std::vector<NodeId> nodes;
  for (const uint32_t pool : (*held_)->listeners[listener].pools) {
    for (uint32_t node = 0; node < (*held_)->pools[pool].nodes.size(); ++node) {
      nodes.push_back({pool, node});
      info.nodes.push_back((*held_)->pools[pool].nodes[node]);
    }
  }
  info.texts.assign(nodes.size(), {});
  info.missing = nodes.size();
  const std::string_view question =
      info.asks_all ? "*2\r\n$4\r\nINFO\r\n$10\r\neverything\r\n" : "*1\r\n$4\r\nINFO\r\n";
  // The session of one of those who ask; by then all that it has sent is answered.
  const backends::Lane lane(info.asked.front().ticket.owner);
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const backends::Ticket part{listener, 0, i, backends::Ticket::Kind::kInfo};
    backends::NodePool& pool = held_->node_pools[nodes[i].pool];
    // One that is down is not asked. The last part that fails at once answers all, and another question may begin.
    if (pool.Admits(nodes[i].node, {.is_read = true}) != backends::Admission::kGranted) {
      OnPart(part, {});
    } else {
      pool.Send(nodes[i].node, lane, question, part);
    }
  }
}

void InfoDesk::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  const std::optional<std::string_view> text = wire::BulkReply(reply.bytes());
  OnPart(ticket, text && text->size() <= kMostOfNode ? *text : std::string_view());
}

void InfoDesk::OnFailure(backends::Ticket ticket, const wire::Failure&) {
  OnPart(ticket, {});
}

void InfoDesk::OnPart(backends::Ticket ticket, std::string_view text) {
  ListenerInfo& info = listeners_[ticket.owner];
  info.texts[ticket.slot] = text;
  if (--info.missing == 0) Finish(ticket.owner);
}

void InfoDesk::Finish(uint32_t listener) {
  ListenerInfo& info = listeners_[listener];
  std::vector<std::string_view> texts;
  std::vector<std::string> silent;
  for (size_t i = 0; i < info.nodes.size(); ++i) {
    info.texts[i].empty() ? silent.push_back(info.nodes[i]->name()) : texts.push_back(info.texts[i]);
  }
  info.report = texts.empty() ? FleetReport{} : MergeReports(texts);
  info.report.nodes = info.nodes.size();
  info.report.silent = std::move(silent);
  std::vector<std::string>().swap(info.texts);
  info.has_all = info.asks_all;
  info.told_at = io_.loop.now();
  info.is_under_way = false;
  const std::vector<AskedInfo> asked = std::exchange(info.asked, {});
  const ProxyFacts facts = FactsFor(listener);
  // Most want the same, so the last one's often serves.
  std::string reply;
  for (size_t i = 0; i < asked.size(); ++i) {
    const bool is_same =
        i > 0 && asked[i].protocol == asked[i - 1].protocol && asked[i].sections == asked[i - 1].sections;
    if (!is_same) {
      reply.clear();
      wire::AppendText(InfoText(facts, info.report, asked[i].sections), asked[i].protocol, &reply);
    }
    sink_.OnReply(asked[i].ticket, backends::Reply(reply));
  }
  BeginOrWait(listener);
}

}  // namespace ringproxy::proxy
