#include "proxy/state/pubsub_questions.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

std::string BadReply() {
  std::string text;
  wire::AppendRedisError({wire::ErrorCode::kBadReply}, &text);
  return text;
}

std::string IntegerText(int64_t value) {
  std::string text;
  wire::AppendInteger(value, &text);
  return text;
}

}  // namespace

uint32_t PubSubQuestions::Open(QuestionKind what, TopicKind kind, backends::Ticket ticket) {
  const uint32_t place = questions_.Acquire();
  Question& question = questions_[place];
  question.ticket = ticket;
  question.what = what;
  question.kind = kind;
  question.names.clear();
  question.answers.clear();
  question.reached = {};
  question.waiting = question.reply_bytes = 0;
  return place;
}

PubSubQuestions::Place PubSubQuestions::ChoosePlace(const Origin& origin, std::string_view channel,
                                                    backends::Claim claim) const {
  using backends::Admission;
  const NodeId owner = RouteKey(*origin.held, origin.held->listeners[origin.listener], channel);
  const PoolSnapshot& nodes = origin.held->pools[owner.pool];
  backends::NodePool& pool = origin.held.node_pools[owner.pool];
  const auto is_heard = [&](ring::NodeIndex node) { return !counts_.IsMissedAt(*nodes.nodes[node]); };
  const Admission at_owner = pool.Admits(owner.node, claim);
  if (at_owner == Admission::kGranted && is_heard(owner.node)) return {owner, at_owner};
  std::optional<ring::NodeIndex> other;
  std::optional<ring::NodeIndex> unheard;
  if (at_owner == Admission::kGranted) unheard = owner.node;
  nodes.ring->Walk(KeyHash(nodes, channel), [&](ring::NodeIndex node) {
    if (node == owner.node) return false;
    const Admission admission = pool.Admits(node, claim);
    if (admission == Admission::kGranted && !is_heard(node)) {
      if (!unheard) unheard = node;
      return false;
    }
    if (admission == Admission::kGranted) other = node;
    // As elsewhere, one that is full ends the walk.
    return admission != Admission::kDown;
  });
  if (other) return {{owner.pool, *other}, Admission::kGranted};
  if (!unheard) return {owner, at_owner};
  const std::optional<net::TimePoint> since = pool.BesideRequests(*unheard).there_since;
  const bool is_overdue = since && io_.loop.now() - *since >= kLongestMissing;
  return {{owner.pool, *unheard}, is_overdue ? Admission::kGranted : Admission::kDown};
}

void PubSubQuestions::Publish(RoutedRequest& routed, const Origin& origin, TopicKind kind, backends::Ticket ticket) {
  const std::string_view channel = routed.request[1];
  const auto [to, admission] = ChoosePlace(origin, channel, ClaimOf(routed));
  backends::NodePool& pool = origin.held.node_pools[to.pool];
  if (admission != backends::Admission::kGranted) return pool.Refuse(to.node, admission, ticket);
  if (!counts_.is_empty()) {
    const uint32_t place = Open(QuestionKind::kPublish, kind, ticket);
    Question& question = questions_[place];
    question.names.emplace_back(channel);
    const std::shared_ptr<backends::NodeRecord>& node = origin.held->pools[to.pool].nodes[to.node];
    question.answers.push_back({node, to.pool, {}});
    question.reached = counts_.ReachedBy(*node, to.pool, kind, channel);
    question.waiting = 1;
    ticket = {place, 0, 0, backends::Ticket::Kind::kPubSub};
  }
  if (routed.block) return pool.Send(to.node, origin.lane, std::move(routed.block), ticket);
  pool.Send(to.node, origin.lane, routed.request.encoded(), ticket);
}

void PubSubQuestions::Ask(const RoutedRequest& routed, const Origin& origin, QuestionKind what, TopicKind kind,
                          backends::Ticket ticket) {
  const std::vector<uint32_t>& pools = origin.held->listeners[origin.listener].pools;
  std::vector<NodeId> nodes;
  for (const uint32_t pool : pools) {
    for (ring::NodeIndex node = 0; node < origin.held.node_pools[pool].node_count(); ++node) {
      const backends::Admission admission = origin.held.node_pools[pool].Admits(node, ClaimOf(routed));
      if (admission == backends::Admission::kGranted) nodes.push_back({pool, node});
    }
  }
  if (nodes.empty()) return origin.held.node_pools[pools[0]].Refuse(0, backends::Admission::kDown, ticket);
  const uint32_t place = Open(what, kind, ticket);
  Question& question = questions_[place];
  question.waiting = nodes.size();
  for (size_t i = 2; i < routed.request.size(); ++i) question.names.emplace_back(routed.request[i]);
  for (const NodeId to : nodes) question.answers.push_back({origin.held->pools[to.pool].nodes[to.node], to.pool, {}});
  // A node may fail its part before this returns.
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const backends::Ticket part{place, 0, i, backends::Ticket::Kind::kPubSub};
    origin.held.node_pools[nodes[i].pool].Send(nodes[i].node, origin.lane, routed.request.encoded(), part);
  }
}

void PubSubQuestions::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  Question& question = questions_[ticket.owner];
  question.reply_bytes += reply.size();
  if (question.reply_bytes <= io_.memory.most_taken()) question.answers[ticket.slot].reply = reply.bytes();
  if (--question.waiting == 0) Finish(ticket.owner, nullptr);
}

void PubSubQuestions::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  if (--questions_[ticket.owner].waiting == 0) Finish(ticket.owner, &failure);
}

void PubSubQuestions::Finish(uint32_t place, const wire::Failure* failure) {
  const Question question = std::move(questions_[place]);
  questions_[place] = {};
  questions_.Release(place);
  if (question.reply_bytes > io_.memory.most_taken())
    return sink_.OnFailure(question.ticket, {wire::ErrorCode::kOutOfMemory});
  const bool has_answer =
      std::ranges::any_of(question.answers, [](const auto& answer) { return !answer.reply.empty(); });
  // The others failed before; one that has answered tells enough.
  if (!has_answer) return sink_.OnFailure(question.ticket, failure != nullptr ? *failure : wire::Failure{});
  sink_.OnReply(question.ticket, backends::Reply(Compose(question)));
}

std::string PubSubQuestions::Compose(const Question& question) const {
  for (const NodeAnswer& answer : question.answers) {
    if (!answer.reply.empty() && wire::IsError(answer.reply)) return answer.reply;
  }
  switch (question.what) {
    case QuestionKind::kPublish: return ComposePublished(question);
    case QuestionKind::kNames: return ComposeNames(question);
    case QuestionKind::kNumbers: return ComposeNumbers(question);
    case QuestionKind::kPatterns: return ComposePatterns(question);
  }
  return BadReply();
}

std::string PubSubQuestions::ComposePublished(const Question& question) const {
  const NodeAnswer& answer = question.answers.front();
  const std::optional<int64_t> told = wire::IntegerReply(answer.reply);
  if (!told) return BadReply();
  // What has been subscribed since it left counts as the node has counted it: nobody knows which came first.
  SubscriptionCounts::Reached own = question.reached;
  if (*told < own.links) {
    // Some may have left meanwhile.
    const auto now = counts_.ReachedBy(*answer.node, answer.pool, question.kind, question.names.front());
    own = {std::min(own.links, now.links), std::min(own.clients, now.clients)};
  }
  return IntegerText(own.Listeners(*told));
}

std::string PubSubQuestions::ComposeNames(const Question& question) {
  std::set<std::string_view> names;
  for (const NodeAnswer& answer : question.answers) {
    if (answer.reply.empty()) continue;
    wire::ArrayReader reader(answer.reply);
    if (!reader.is_array()) return BadReply();
    while (reader.remaining() > 0) names.insert(reader.Next());
  }
  std::string text;
  wire::AppendArrayHeader(names.size(), &text);
  for (const std::string_view name : names) text.append(name);
  return text;
}

std::string PubSubQuestions::ComposeNumbers(const Question& question) const {
  // Of other listeners than the process's own: what the node says that has most of them.
  std::vector<int64_t> others(question.names.size());
  std::vector<int64_t> own(question.names.size());
  for (const NodeAnswer& answer : question.answers) {
    if (answer.reply.empty()) continue;
    wire::ArrayReader reader(answer.reply);
    if (!reader.is_array() || reader.remaining() != 2 * question.names.size()) return BadReply();
    for (size_t i = 0; i < question.names.size(); ++i) {
      reader.Next();
      const std::optional<int64_t> number = wire::IntegerReply(reader.Next());
      if (!number) return BadReply();
      others[i] = std::max(others[i], *number - counts_.LinksOf(*answer.node, question.kind, question.names[i]));
      own[i] = std::max(own[i], counts_.ClientsOf(answer.pool, question.kind, question.names[i]));
    }
  }
  std::string text;
  wire::AppendArrayHeader(2 * question.names.size(), &text);
  for (size_t i = 0; i < question.names.size(); ++i) {
    wire::AppendBulk(question.names[i], &text);
    wire::AppendInteger(own[i] + others[i], &text);
  }
  return text;
}

std::string PubSubQuestions::ComposePatterns(const Question& question) {
  int64_t most = 0;
  for (const NodeAnswer& answer : question.answers) {
    if (answer.reply.empty()) continue;
    const std::optional<int64_t> number = wire::IntegerReply(answer.reply);
    if (!number) return BadReply();
    most = std::max(most, *number);
  }
  return IntegerText(most);
}

}  // namespace ringproxy::proxy
