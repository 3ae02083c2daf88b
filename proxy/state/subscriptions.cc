#include "proxy/state/subscriptions.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

void AppendAcknowledgement(std::string_view word, std::optional<std::string_view> name, size_t count, uint8_t protocol,
                           std::string* out) {
  out->append(protocol == 2 ? "*3\r\n" : ">3\r\n");
  wire::AppendBulk(word, out);
  name ? wire::AppendBulk(*name, out) : wire::AppendNil(protocol, out);
  wire::AppendInteger(static_cast<int64_t>(count), out);
}

struct PubSubRow {
  enum class DeskAction : uint8_t { kSubscribe, kUnsubscribe, kPublish, kAsk };

  std::string_view name;
  DeskAction action;
  TopicKind kind;
  PubSubQuestions::QuestionKind question = PubSubQuestions::QuestionKind::kPublish;
};

const PubSubRow& RowOf(const wire::CommandSpec& spec) {
  using DeskAction = PubSubRow::DeskAction;
  using QuestionKind = PubSubQuestions::QuestionKind;
  static constexpr PubSubRow kRows[] = {
      {"publish", DeskAction::kPublish, TopicKind::kChannel},
      {"spublish", DeskAction::kPublish, TopicKind::kShard},
      {"subscribe", DeskAction::kSubscribe, TopicKind::kChannel},
      {"psubscribe", DeskAction::kSubscribe, TopicKind::kPattern},
      {"ssubscribe", DeskAction::kSubscribe, TopicKind::kShard},
      {"unsubscribe", DeskAction::kUnsubscribe, TopicKind::kChannel},
      {"punsubscribe", DeskAction::kUnsubscribe, TopicKind::kPattern},
      {"sunsubscribe", DeskAction::kUnsubscribe, TopicKind::kShard},
      {"pubsub|channels", DeskAction::kAsk, TopicKind::kChannel, QuestionKind::kNames},
      {"pubsub|numpat", DeskAction::kAsk, TopicKind::kPattern, QuestionKind::kPatterns},
      {"pubsub|numsub", DeskAction::kAsk, TopicKind::kChannel, QuestionKind::kNumbers},
      {"pubsub|shardchannels", DeskAction::kAsk, TopicKind::kShard, QuestionKind::kNames},
      {"pubsub|shardnumsub", DeskAction::kAsk, TopicKind::kShard, QuestionKind::kNumbers},
  };
  const auto* const row = std::ranges::find(kRows, spec.name, &PubSubRow::name);
  assert(row != std::end(kRows));
  return *row;
}

}  // namespace

Subscriptions::Subscriptions(backends::WorkerIo& io, uint32_t worker, backends::ReplySink& sink,
                             SubscriptionCounts& counts, MessageSink& messages)
    : io_(io),
      sink_(sink),
      messages_(messages),
      questions_(io, sink, counts),
      timer_(io.loop, [this] { AcknowledgeLate(); }),
      groups_(io, worker, counts, static_cast<SubscribedNode::Observer&>(*this)) {}

Subscriptions::~Subscriptions() {
  // The sessions are gone, and nobody is told anything.
  acks_.clear();
  while (!subscribers_.empty()) End(subscribers_.begin()->first);
  groups_.Clear();
}

void Subscriptions::Dispatch(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  const PubSubRow& row = RowOf(routed.spec);
  switch (row.action) {
    case PubSubRow::DeskAction::kSubscribe: return Subscribe(row.kind, routed, origin, ticket);
    case PubSubRow::DeskAction::kUnsubscribe: return Unsubscribe(row.kind, routed, origin, ticket);
    case PubSubRow::DeskAction::kPublish: return questions_.Publish(routed, origin, row.kind, ticket);
    case PubSubRow::DeskAction::kAsk: return questions_.Ask(routed, origin, row.question, row.kind, ticket);
  }
}

std::string_view Subscriptions::TooMany(const Subscriber& subscriber, const wire::Request& request) const {
  const size_t names = request.size() - 1;
  if (subscriber.count() + names > kMostOfClient) return "ERR max number of subscriptions of a client reached";
  for (size_t i = 1; i < request.size(); ++i)
    if (request[i].size() > kLongestName) return "ERR a name of more than 65536 bytes cannot be subscribed to";
  const size_t bytes = request.encoded().size();
  // They lie outside of the blocks that the memory limit counts, in a few copies.
  const uint64_t most_bytes = std::min<uint64_t>(kMostNameBytes, io_.memory.share() / 16);
  const bool is_full = std::ranges::any_of(
      subscriber.groups.pools, [&](uint32_t pool) { return bytes + groups_.held_bytes(pool) > most_bytes; });
  if (is_full || size_ + names > kMostOfWorker) return "ERR max number of subscriptions reached";
  return {};
}

void Subscriptions::Subscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin,
                              backends::Ticket ticket) {
  const uint32_t session = origin.lane.number;
  const std::vector<uint32_t>& pools = origin.held->listeners[origin.listener].pools;
  Subscriber& subscriber =
      subscribers_.try_emplace(session, Subscriber{{session, pools}, origin.listener}).first->second;
  if (const std::string_view refusal = TooMany(subscriber, routed.request); !refusal.empty()) {
    if (subscriber.is_idle()) subscribers_.erase(session);
    scratch_.clear();
    wire::AppendError(refusal, &scratch_);
    return sink_.OnReply(ticket, backends::Reply(scratch_));
  }
  // One more may be that over which it watches keys.
  const uint32_t most = origin.held->config.listeners[origin.listener].pinned_per_client;
  const uint32_t others = origin.lane.flavour.is_pinned ? 1 : 0;
  if (const auto failure = groups_.Open(subscriber.groups, origin.held, most - std::min(most, others))) {
    if (subscriber.topics.empty()) End(session);
    return sink_.OnFailure(ticket, *failure);
  }
  const uint64_t id = ++last_ack_;
  Acknowledgement& ack = acks_[id] = {.ticket = ticket, .session = session, .since = io_.loop.now()};
  for (size_t i = 1; i < routed.request.size(); ++i) {
    Join(session, subscriber, kind, routed.request[i], id);
    AppendAcknowledgement(routed.spec.name, routed.request[i], subscriber.CountFor(kind), origin.lane.flavour.protocol,
                          &ack.text);
  }
  if (ack.waiting == 0) return Acknowledge(id);
  timer_.FireBy(ack.since + SubscribedNode::kPatience);
}

void Subscriptions::Unsubscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin,
                                backends::Ticket ticket) {
  const uint32_t session = origin.lane.number;
  const auto found = subscribers_.find(session);
  Subscriber nobody{};
  Subscriber& subscriber = found != subscribers_.end() ? found->second : nobody;
  std::vector<std::string> names;
  for (size_t i = 1; i < routed.request.size(); ++i) names.emplace_back(routed.request[i]);
  if (routed.request.size() == 1) {
    for (const auto& [topic, membership] : subscriber.topics) {
      if (topic->kind == kind && subscriber.groups.IsFirst(topic->group)) names.push_back(topic->name);
    }
  }
  const uint64_t id = ++last_ack_;
  Acknowledgement& ack = acks_[id] = {.ticket = ticket, .session = session, .since = io_.loop.now()};
  const uint8_t protocol = origin.lane.flavour.protocol;
  for (const std::string& name : names) {
    Leave(subscriber, kind, name, id);
    AppendAcknowledgement(routed.spec.name, name, subscriber.CountFor(kind), protocol, &ack.text);
  }
  if (names.empty())
    AppendAcknowledgement(routed.spec.name, std::nullopt, subscriber.CountFor(kind), protocol, &ack.text);
  if (found != subscribers_.end() && subscriber.is_idle()) subscribers_.erase(session);
  if (ack.waiting == 0) return Acknowledge(id);
  timer_.FireBy(ack.since + SubscribedNode::kPatience);
}

void Subscriptions::Join(uint32_t session, Subscriber& subscriber, TopicKind kind, std::string_view name,
                         uint64_t ack) {
  for (TopicGroup* const group : subscriber.groups.of_pools) {
    Topic& topic = group->Get(kind, name);
    JoinIn(session, subscriber, topic, ack);
    if (ack != 0) AwaitTopic(topic, ack);
  }
}

void Subscriptions::JoinIn(uint32_t session, Subscriber& subscriber, Topic& topic, uint64_t ack) {
  const auto [membership, is_new] = subscriber.topics.try_emplace(&topic, Membership{topic.listeners.size(), ack});
  if (!is_new) return;
  topic.listeners.push_back(session);
  if (subscriber.groups.IsFirst(topic.group)) {
    ++subscriber.counts[static_cast<size_t>(topic.kind)];
    ++size_;
  }
  if (ack == 0) {
    topic.group.CountClient(topic, 1);
  } else {
    acks_[ack].joined.push_back(&topic);
  }
  if (topic.listeners.size() > 1) return;
  topic.group.Want(topic);
}

void Subscriptions::Leave(Subscriber& subscriber, TopicKind kind, std::string_view name, uint64_t ack) {
  for (TopicGroup* const group : subscriber.groups.of_pools) {
    Topic* const topic = group->Find(kind, name);
    if (topic == nullptr || !subscriber.topics.contains(topic)) continue;
    LeaveTopic(subscriber, *topic);
    AwaitTopic(*topic, ack);
    group->EraseIfUnused(*topic);
  }
}

// Whether the topic stays is its caller's concern.
void Subscriptions::LeaveTopic(Subscriber& subscriber, Topic& topic) {
  const auto found = subscriber.topics.find(&topic);
  const Membership membership = found->second;
  subscriber.topics.erase(found);
  if (membership.ack == 0) topic.group.CountClient(topic, -1);
  if (subscriber.groups.IsFirst(topic.group)) {
    --subscriber.counts[static_cast<size_t>(topic.kind)];
    --size_;
  }
  const uint32_t last = topic.listeners.back();
  topic.listeners[membership.position] = last;
  topic.listeners.pop_back();
  if (membership.position < topic.listeners.size())
    subscribers_.find(last)->second.topics.find(&topic)->second.position = membership.position;
  if (topic.is_wanted()) return;
  topic.group.Unwant(topic);
}

void Subscriptions::AwaitTopic(Topic& topic, uint64_t ack) {
  const auto found = acks_.find(ack);
  if (topic.unsettled == topic.late || found == acks_.end()) return;
  topic.waiters.push_back(ack);
  ++found->second.waiting;
}

void Subscriptions::OnSettled(Topic& topic) {
  // What follows may leave the topic, which must not go meanwhile.
  ++topic.unsettled;
  const std::vector<uint64_t> waiters = std::exchange(topic.waiters, {});
  for (const uint64_t ack : waiters) {
    const auto found = acks_.find(ack);
    if (found != acks_.end() && --found->second.waiting == 0) Acknowledge(ack);
  }
  --topic.unsettled;
  topic.group.EraseIfUnused(topic);
}

void Subscriptions::OnTopicRefused(Topic& topic, std::string_view words) {
  for (const uint64_t ack : topic.waiters) {
    const auto found = acks_.find(ack);
    // Others wait for the end of what is refused.
    if (found != acks_.end() && !found->second.joined.empty() && found->second.refusal.empty())
      found->second.refusal = words;
  }
}

void Subscriptions::Acknowledge(uint64_t id) {
  const auto taken = acks_.extract(id);
  Acknowledgement& ack = taken.mapped();
  const auto subscriber = subscribers_.find(ack.session);
  for (Topic* topic : ack.joined) {
    if (subscriber == subscribers_.end()) break;
    // It may have left, and the topic may be gone.
    const auto membership = subscriber->second.topics.find(topic);
    if (membership == subscriber->second.topics.end() || membership->second.ack != id) continue;
    if (ack.refusal.empty()) {
      membership->second.ack = 0;
      topic->group.CountClient(*topic, 1);
    } else {
      LeaveTopic(subscriber->second, *topic);
      topic->group.EraseIfUnused(*topic);
    }
  }
  if (subscriber != subscribers_.end() && subscriber->second.is_idle()) subscribers_.erase(subscriber);
  if (!ack.refusal.empty()) {
    ack.text.clear();
    wire::AppendError(ack.refusal, &ack.text);
  }
  sink_.OnReply(ack.ticket, backends::Reply(ack.text));
}

void Subscriptions::AcknowledgeLate() {
  const net::TimePoint late = io_.loop.now() - SubscribedNode::kPatience;
  while (!acks_.empty() && acks_.begin()->second.since <= late) Acknowledge(acks_.begin()->first);
  if (!acks_.empty()) timer_.FireBy(acks_.begin()->second.since + SubscribedNode::kPatience);
}

void Subscriptions::OnMessage(Topic& topic, backends::Reply&& reply) {
  const ChannelMessage message(reply.bytes(), &scratch_);
  // From the end, since whoever is told may leave.
  for (size_t i = topic.listeners.size(); i-- > 0;) messages_.OnMessage(topic.listeners[i], message);
}

void Subscriptions::OnGap(TopicGroup& group) {
  if (!groups_.disconnects(group.pool())) return;
  if (group.owner()) return messages_.OnGap(*group.owner());
  std::vector<uint32_t> sessions;
  for (const auto& [session, subscriber] : subscribers_) {
    const std::vector<TopicGroup*>& groups = subscriber.groups.of_pools;
    if (std::ranges::find(groups, &group) != groups.end()) sessions.push_back(session);
  }
  for (const uint32_t session : sessions) messages_.OnGap(session);
}

TopicCounts Subscriptions::CountsOf(uint32_t session) const {
  const auto found = subscribers_.find(session);
  return found == subscribers_.end() ? TopicCounts{} : found->second.counts;
}

void Subscriptions::End(uint32_t session, std::optional<backends::Ticket> reset) {
  const uint64_t id = reset ? ++last_ack_ : 0;
  if (reset) acks_[id] = {.ticket = *reset, .session = session, .since = io_.loop.now(), .text = "+RESET\r\n"};
  if (const auto found = subscribers_.find(session); found != subscribers_.end()) {
    std::vector<std::unique_ptr<TopicGroup>>& own = found->second.groups.own;
    // Links of its own serve until the nodes have confirmed the end, or close at once.
    for (const auto& group : own) {
      if (!reset) group->Leave();
    }
    while (!found->second.topics.empty()) {
      Topic& topic = *found->second.topics.begin()->first;
      LeaveTopic(found->second, topic);
      AwaitTopic(topic, id);
      topic.group.EraseIfUnused(topic);
    }
    if (!reset) {
      for (auto& group : std::exchange(own, {})) groups_.Retire(std::move(group));
    }
    if (found->second.is_idle()) subscribers_.erase(found);
  }
  if (!reset) return;
  if (acks_[id].waiting == 0) return Acknowledge(id);
  timer_.FireBy(io_.loop.now() + SubscribedNode::kPatience);
}

uint32_t Subscriptions::OwnLinksOf(uint32_t session) const {
  const auto found = subscribers_.find(session);
  return found != subscribers_.end() ? static_cast<uint32_t>(found->second.groups.own_links()) : 0;
}

void Subscriptions::MoveTo(uint32_t session, Subscriber& subscriber, const std::vector<TopicGroup*>& old) {
  const std::vector<TopicGroup*>& groups = subscriber.groups.of_pools;
  const auto is_among = [](const std::vector<TopicGroup*>& list, const TopicGroup* group) {
    return std::ranges::find(list, group) != list.end();
  };
  std::vector<Topic*> before;
  for (const auto& [topic, membership] : subscriber.topics) before.push_back(topic);
  // What it is about to hear first is subscribed before what it will not hear any more ends.
  for (const Topic* topic : before) {
    if (&topic->group != old.front()) continue;
    for (TopicGroup* const group : groups) {
      if (!is_among(old, group)) JoinIn(session, subscriber, group->Get(topic->kind, topic->name), 0);
    }
  }
  for (Topic* topic : before) {
    TopicGroup& group = topic->group;
    if (is_among(groups, &group)) continue;
    LeaveTopic(subscriber, *topic);
    group.EraseIfUnused(*topic);
  }
  for (auto& own : subscriber.groups.own) {
    if (!is_among(groups, own.get())) groups_.Retire(std::move(own));
  }
  std::erase(subscriber.groups.own, nullptr);
  size_ -= subscriber.count();
  subscriber.counts = {};
  for (const auto& [topic, membership] : subscriber.topics) {
    if (subscriber.groups.IsFirst(topic->group)) ++subscriber.counts[static_cast<size_t>(topic->kind)];
  }
  size_ += subscriber.count();
}

void Subscriptions::Adopt(HeldSnapshot& held) {
  groups_.Adopt(held);
  std::vector<uint32_t> without_link;
  std::vector<TopicGroup*> own;
  for (auto& [session, subscriber] : subscribers_) {
    const std::vector<TopicGroup*> old = subscriber.groups.of_pools;
    subscriber.groups.pools = held->listeners[subscriber.listener].pools;
    const uint32_t most = held->config.listeners[subscriber.listener].pinned_per_client;
    if (groups_.Open(subscriber.groups, held, most)) without_link.push_back(session);
    if (subscriber.groups.of_pools != old) MoveTo(session, subscriber, old);
    for (const auto& group : subscriber.groups.own) own.push_back(group.get());
  }
  // Subscribers may leave by this, but no group goes before the next turn.
  for (TopicGroup* const group : own) group->DropLeft(held);
  // They would not hear what is published there, and shall know.
  for (const uint32_t session : without_link) messages_.OnGap(session);
}

void Subscriptions::Tick() {
  constexpr size_t kKeptScratch = 64 << 10;
  if (scratch_.capacity() > kKeptScratch) std::string().swap(scratch_);
  questions_.Tick();
  groups_.Tick();
  std::vector<uint32_t> idle;
  std::vector<TopicGroup*> own;
  for (const auto& [session, subscriber] : subscribers_) {
    for (const auto& group : subscriber.groups.own) own.push_back(group.get());
    if (subscriber.topics.empty() && subscriber.groups.is_settled()) idle.push_back(session);
  }
  for (const uint32_t session : idle) End(session);
  // As above.
  for (TopicGroup* const group : own) group->Tick();
}

}  // namespace ringproxy::proxy
