#include "proxy/observe/servers_desk.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

// Parameters that stand in the request without a pattern; no server has more of them, nor such long ones.
std::vector<std::string> NamedIn(const wire::Request& request) {
  constexpr size_t kMostNamed = 1024;
  constexpr size_t kLongestNamed = 128;
  std::vector<std::string> named;
  for (size_t i = 2; i < request.size() && named.size() < kMostNamed; ++i) {
    const bool is_name = request[i].find_first_of("*?[\\") == std::string_view::npos;
    if (is_name && request[i].size() <= kLongestNamed) named.emplace_back(request[i]);
  }
  return named;
}

// How many entries a SLOWLOG GET wants. What is no number is for the nodes to refuse.
size_t MostEntries(const wire::Request& request) {
  constexpr int64_t kUsual = 10;
  const int64_t most = request.size() > 2 ? wire::ParseInteger(request[2]).value_or(kUsual) : kUsual;
  return most < 0 ? SIZE_MAX : static_cast<size_t>(most);
}

// To a client.
backends::Reply ErrorReply(std::string_view words, std::string* text) {
  wire::AppendError(words, text);
  return backends::Reply(*text);
}

}  // namespace

ServersDesk::ListenerQuestions& ServersDesk::Of(uint32_t listener) {
  if (listener >= listeners_.size()) listeners_.resize(listener + 1);
  return listeners_[listener];
}

std::vector<NodeId> ServersDesk::NodesFor(const ServersQuestion& question, uint32_t listener) {
  HeldSnapshot& held = *question.held;
  std::vector<NodeId> nodes;
  std::optional<std::pair<NodeId, backends::Admission>> refused;
  for (const uint32_t pool : held->listeners[listener].pools) {
    for (ring::NodeIndex node = 0; node < held.node_pools[pool].node_count(); ++node) {
      const backends::Admission admission = held.node_pools[pool].Admits(node, question.claim);
      if (admission == backends::Admission::kGranted) {
        nodes.push_back({pool, node});
      } else if (!refused) {
        refused = {{pool, node}, admission};
      }
    }
  }
  if (refused && (question.what != AskedFor::kSettings || nodes.empty())) {
    nodes.clear();
    held.node_pools[refused->first.pool].Refuse(refused->first.node, refused->second, question.ticket);
  }
  return nodes;
}

void ServersDesk::Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  const AskedFor what = routed.spec.name == "config|get"    ? AskedFor::kSettings
                        : routed.spec.name == "slowlog|get" ? AskedFor::kSlowLog
                                                            : AskedFor::kLatest;
  std::string error;
  if (what == AskedFor::kSlowLog && routed.request.size() > 3) {
    // To a server this is a matter of words; said by a node, it would be taken for a command that the node lacks.
    std::string text = "ERR unknown subcommand or wrong number of arguments for '";
    return sink_.OnReply(ticket, ErrorReply(text.append(routed.request[1]).append("'. Try SLOWLOG HELP."), &error));
  }
  ListenerQuestions& of = Of(origin.listener);
  const size_t bytes = routed.request.encoded().size();
  const bool is_first = !of.is_under_way && of.waiting.empty();
  if (!is_first && (of.waiting.size() >= kMostWaiting || of.waiting_bytes + bytes > kMostWaitingBytes)) {
    return sink_.OnReply(
        ticket, ErrorReply("ERR too many clients wait for CONFIG GET, SLOWLOG GET or LATENCY LATEST of the nodes: "
                           "ask again later",
                           &error));
  }
  ServersQuestion& question = of.waiting.emplace_back();
  question.ticket = ticket;
  question.what = what;
  if (what == AskedFor::kSettings) {
    question.settings = {origin.lane.flavour.protocol, origin.held->config.listeners[origin.listener].databases,
                         NamedIn(routed.request)};
  } else if (what == AskedFor::kSlowLog) {
    question.most = MostEntries(routed.request);
  }
  question.held = SnapshotUse(origin.held);
  question.lane = origin.lane.number;
  question.request = routed.request.encoded();
  question.claim = ClaimOf(routed);
  question.asked = AskedOf(routed);
  of.waiting_bytes += bytes;
  BeginNext(origin.listener);
}

void ServersDesk::BeginNext(uint32_t listener) {
  ListenerQuestions& of = listeners_[listener];
  // A question that fails at once comes back here, and does not go deeper.
  if (of.is_beginning) return;
  of.is_beginning = true;
  while (!of.is_under_way && !of.waiting.empty()) {
    of.asked = std::move(of.waiting.front());
    of.waiting.pop_front();
    of.waiting_bytes -= of.asked.request.size();
    Begin(listener);
  }
  of.is_beginning = false;
}

void ServersDesk::Begin(uint32_t listener) {
  ListenerQuestions& of = listeners_[listener];
  ServersQuestion& question = of.asked;
  const bool is_awaited = !is_awaited_ || is_awaited_(question.ticket);
  const std::vector<NodeId> nodes = is_awaited ? NodesFor(question, listener) : std::vector<NodeId>();
  if (nodes.empty()) {
    const backends::Ticket ticket = question.ticket;
    question = {};
    if (!is_awaited) sink_.OnFailure(ticket, {});  // Nobody reads it.
    return;
  }
  HeldSnapshot& held = *question.held;
  for (const NodeId node : nodes) question.nodes.push_back({held->pools[node.pool].nodes[node.node], {}});
  question.missing = nodes.size();
  of.is_under_way = true;
  // All is read in one protocol; the client has nothing else under way that this could overtake. A node may fail its
  // part before this returns, and with the last part the question ends.
  const backends::Lane lane(question.lane);
  const wire::Asked asked = question.asked;
  const std::string request = std::move(question.request);
  const SnapshotUse use(held);
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const backends::Ticket part{listener, 0, i, backends::Ticket::Kind::kServers};
    held.node_pools[nodes[i].pool].Send(nodes[i].node, lane, std::string_view(request), part, asked);
  }
}

void ServersDesk::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  ServersQuestion& question = listeners_[ticket.owner].asked;
  NodeWords& words = question.nodes[ticket.slot];
  if (reply.size() > kMostOfNode) {
    std::string text = "ERR the reply of node ";
    text.append(words.node->name()).append(" is larger than 1 MiB: ask for less, or ask the node itself");
    wire::AppendError(text, &words.reply);
  } else {
    question.reply_bytes += reply.size();
    // What is made of it takes as much again.
    if (question.reply_bytes <= io_.memory.most_taken() / 2) words.reply = reply.bytes();
  }
  if (--question.missing == 0) Finish(ticket.owner, nullptr);
}

void ServersDesk::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  ServersQuestion& question = listeners_[ticket.owner].asked;
  // The failure stands in for a reply where all of them are needed.
  if (question.what != AskedFor::kSettings) wire::AppendRedisError(failure, &question.nodes[ticket.slot].reply);
  if (--question.missing == 0) Finish(ticket.owner, &failure);
}

void ServersDesk::Finish(uint32_t listener, const wire::Failure* failure) {
  ListenerQuestions& of = listeners_[listener];
  const ServersQuestion question = std::exchange(of.asked, {});
  of.is_under_way = false;
  Answer(question, failure);
  BeginNext(listener);
}

void ServersDesk::Answer(const ServersQuestion& question, const wire::Failure* failure) {
  if (question.reply_bytes > io_.memory.most_taken() / 2)
    return sink_.OnFailure(question.ticket, {wire::ErrorCode::kOutOfMemory});
  std::vector<ToldReply> told;
  for (const NodeWords& one : question.nodes) {
    if (!one.reply.empty()) told.push_back({one.node->name(), one.reply});
  }
  // The others failed before.
  if (told.empty()) return sink_.OnFailure(question.ticket, failure != nullptr ? *failure : wire::Failure{});
  std::string text;
  switch (question.what) {
    case AskedFor::kSettings: text = MergeSettings(told, question.settings); break;
    case AskedFor::kSlowLog: text = MergeSlowLogs(told, question.most); break;
    case AskedFor::kLatest: text = MergeLatest(told); break;
  }
  sink_.OnReply(question.ticket, backends::Reply(text));
}

}  // namespace ringproxy::proxy
