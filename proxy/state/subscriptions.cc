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

bool IsAmong(backends::NodePool& nodes, const SubscribedNode& subscribed) {
  for (ring::NodeIndex i = 0; i < nodes.node_count(); ++i) {
    if (subscribed.Is(nodes.BesideRequests(i).subscriptions)) return true;
  }
  return false;
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
      worker_(worker),
      sink_(sink),
      counts_(counts),
      messages_(messages),
      questions_(io, sink, counts),
      timer_(io.loop, [this] { AcknowledgeLate(); }) {}

Subscriptions::~Subscriptions() {
  // The sessions are gone, and nobody is told anything.
  acks_.clear();
  while (!subscribers_.empty()) End(subscribers_.begin()->first);
  for (PoolTopics& pool : pools_) pool.nodes.clear();
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
  const size_t own = subscriber.counts[0] + subscriber.counts[1] + subscriber.counts[2];
  if (own + names > kMostOfClient) return "ERR max number of subscriptions of a client reached";
  for (size_t i = 1; i < request.size(); ++i)
    if (request[i].size() > kLongestName) return "ERR a name of more than 65536 bytes cannot be subscribed to";
  const size_t bytes = request.encoded().size();
  // They lie outside of the blocks that the memory limit counts, in a few copies.
  const uint64_t most_bytes = std::min<uint64_t>(kMostNameBytes, io_.memory.share() / 16);
  const bool is_full = std::ranges::any_of(subscriber.pools, [&](uint32_t pool) {
    return bytes + (pool < pools_.size() ? pools_[pool].topics.held_bytes() : 0) > most_bytes;
  });
  if (is_full || size_ + names > kMostOfWorker) return "ERR max number of subscriptions reached";
  return {};
}

void Subscriptions::Subscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin,
                              backends::Ticket ticket) {
  const uint32_t session = origin.lane.number;
  const std::vector<uint32_t>& pools = origin.held->listeners[origin.listener].pools;
  Subscriber& subscriber = subscribers_.try_emplace(session, Subscriber{pools, origin.listener}).first->second;
  if (const std::string_view refusal = TooMany(subscriber, routed.request); !refusal.empty()) {
    if (subscriber.topics.empty()) subscribers_.erase(session);
    scratch_.clear();
    wire::AppendError(refusal, &scratch_);
    return sink_.OnReply(ticket, backends::Reply(scratch_));
  }
  for (const uint32_t pool : subscriber.pools) OpenNodes(pool, origin.held);
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
      if (topic->kind == kind && topic->pool == subscriber.pools.front()) names.push_back(topic->name);
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
  if (found != subscribers_.end() && subscriber.topics.empty()) subscribers_.erase(session);
  if (ack.waiting == 0) return Acknowledge(id);
  timer_.FireBy(ack.since + SubscribedNode::kPatience);
}

void Subscriptions::OpenNodes(uint32_t pool, HeldSnapshot& held) {
  while (pools_.size() <= pool) pools_.emplace_back(static_cast<uint32_t>(pools_.size()));
  PoolTopics& own = pools_[pool];
  const uint32_t count = held.node_pools[pool].node_count();
  for (ring::NodeIndex node = 0; node < count; ++node) {
    backends::SubscriptionLink& link = held.node_pools[pool].BesideRequests(node).subscriptions;
    if (std::ranges::any_of(own.nodes, [&](const auto& known) { return known->Is(link); })) continue;
    const std::shared_ptr<backends::NodeRecord>& record = held->pools[pool].nodes[node];
    own.nodes.push_back(
        std::make_unique<SubscribedNode>(SubscribedNode::SubscribedNodeParts{.link = link,
                                                                             .record = record,
                                                                             .stats = record->stats(worker_),
                                                                             .topics = own.topics,
                                                                             .counts = counts_,
                                                                             .clock = io_.loop,
                                                                             .pool = pool},
                                         static_cast<SubscribedNode::Observer&>(*this)));
    if (!own.topics.empty()) own.nodes.back()->Open();
  }
  disconnects_.resize(std::max<size_t>(disconnects_.size(), pool + 1));
  disconnects_[pool] = held->config.pools[pool].on_gap == conf::OnGap::kDisconnect;
}

void Subscriptions::Join(uint32_t session, Subscriber& subscriber, TopicKind kind, std::string_view name,
                         uint64_t ack) {
  for (const uint32_t pool : subscriber.pools) {
    Topic& topic = pools_[pool].topics.Get(kind, name);
    JoinIn(session, subscriber, topic, ack);
    if (ack != 0) AwaitTopic(topic, ack);
  }
}

void Subscriptions::JoinIn(uint32_t session, Subscriber& subscriber, Topic& topic, uint64_t ack) {
  const auto [membership, is_new] = subscriber.topics.try_emplace(&topic, Membership{topic.listeners.size(), ack});
  if (!is_new) return;
  topic.listeners.push_back(session);
  if (topic.pool == subscriber.pools.front()) {
    ++subscriber.counts[static_cast<size_t>(topic.kind)];
    ++size_;
  }
  if (ack == 0) {
    counts_.AddClient(topic.pool, topic.kind, topic.name, 1);
  } else {
    acks_[ack].joined.push_back(&topic);
  }
  if (topic.listeners.size() > 1) return;
  for (const auto& node : pools_[topic.pool].nodes) node->Want(topic);
}

void Subscriptions::Leave(Subscriber& subscriber, TopicKind kind, std::string_view name, uint64_t ack) {
  for (const uint32_t pool : subscriber.pools) {
    Topic* const topic = pools_[pool].topics.Find(kind, name);
    if (topic == nullptr || !subscriber.topics.contains(topic)) continue;
    LeaveTopic(subscriber, *topic);
    AwaitTopic(*topic, ack);
    pools_[pool].topics.EraseIfUnused(*topic);
  }
}

// Whether the topic stays is its caller's concern.
void Subscriptions::LeaveTopic(Subscriber& subscriber, Topic& topic) {
  const auto found = subscriber.topics.find(&topic);
  const Membership membership = found->second;
  subscriber.topics.erase(found);
  if (membership.ack == 0) counts_.AddClient(topic.pool, topic.kind, topic.name, -1);
  if (topic.pool == subscriber.pools.front()) {
    --subscriber.counts[static_cast<size_t>(topic.kind)];
    --size_;
  }
  const uint32_t last = topic.listeners.back();
  topic.listeners[membership.position] = last;
  topic.listeners.pop_back();
  if (membership.position < topic.listeners.size())
    subscribers_.find(last)->second.topics.find(&topic)->second.position = membership.position;
  if (topic.is_wanted()) return;
  for (const auto& node : pools_[topic.pool].nodes) node->Unwant(topic);
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
  pools_[topic.pool].topics.EraseIfUnused(topic);
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
      counts_.AddClient(topic->pool, topic->kind, topic->name, 1);
    } else {
      LeaveTopic(subscriber->second, *topic);
      pools_[topic->pool].topics.EraseIfUnused(*topic);
    }
  }
  if (subscriber != subscribers_.end() && subscriber->second.topics.empty()) subscribers_.erase(subscriber);
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

void Subscriptions::OnMessage(uint32_t pool, TopicKind kind, std::string_view name, backends::Reply&& reply) {
  // Its last listener may have left while it came.
  Topic* const topic = pools_[pool].topics.Find(kind, name);
  if (topic == nullptr) return;
  const ChannelMessage message(reply.bytes(), &scratch_);
  // From the end, since whoever is told may leave.
  for (size_t i = topic->listeners.size(); i-- > 0;) messages_.OnMessage(topic->listeners[i], message);
}

void Subscriptions::OnGap(uint32_t pool) {
  if (!disconnects_[pool]) return;
  std::vector<uint32_t> sessions;
  for (const auto& [session, subscriber] : subscribers_) {
    if (std::ranges::find(subscriber.pools, pool) != subscriber.pools.end()) sessions.push_back(session);
  }
  for (const uint32_t session : sessions) messages_.OnGap(session);
}

size_t Subscriptions::CountOf(uint32_t session) const {
  const auto found = subscribers_.find(session);
  if (found == subscribers_.end()) return 0;
  const auto& counts = found->second.counts;
  return counts[0] + counts[1] + counts[2];
}

void Subscriptions::End(uint32_t session, std::optional<backends::Ticket> reset) {
  const uint64_t id = reset ? ++last_ack_ : 0;
  if (reset) acks_[id] = {.ticket = *reset, .session = session, .since = io_.loop.now(), .text = "+RESET\r\n"};
  if (const auto found = subscribers_.find(session); found != subscribers_.end()) {
    while (!found->second.topics.empty()) {
      Topic& topic = *found->second.topics.begin()->first;
      LeaveTopic(found->second, topic);
      AwaitTopic(topic, id);
      pools_[topic.pool].topics.EraseIfUnused(topic);
    }
    subscribers_.erase(found);
  }
  if (!reset) return;
  if (acks_[id].waiting == 0) return Acknowledge(id);
  timer_.FireBy(io_.loop.now() + SubscribedNode::kPatience);
}

void Subscriptions::MoveTo(uint32_t session, Subscriber& subscriber, const std::vector<uint32_t>& pools) {
  std::vector<Topic*> before;
  for (const auto& [topic, membership] : subscriber.topics) before.push_back(topic);
  const std::vector<uint32_t> old = subscriber.pools;
  // What it is about to hear first is subscribed before what it will not hear any more ends.
  for (Topic* topic : before) {
    if (topic->pool != old.front()) continue;
    for (const uint32_t pool : pools) {
      if (std::ranges::find(old, pool) == old.end())
        JoinIn(session, subscriber, pools_[pool].topics.Get(topic->kind, topic->name), 0);
    }
  }
  for (Topic* topic : before) {
    if (std::ranges::find(pools, topic->pool) != pools.end()) continue;
    LeaveTopic(subscriber, *topic);
    pools_[topic->pool].topics.EraseIfUnused(*topic);
  }
  size_ -= subscriber.counts[0] + subscriber.counts[1] + subscriber.counts[2];
  subscriber.pools = pools;
  subscriber.counts = {};
  for (const auto& [topic, membership] : subscriber.topics) {
    if (topic->pool == pools.front()) ++subscriber.counts[static_cast<size_t>(topic->kind)];
  }
  size_ += subscriber.counts[0] + subscriber.counts[1] + subscriber.counts[2];
}

void Subscriptions::Adopt(HeldSnapshot& held) {
  for (uint32_t pool = 0; pool < pools_.size(); ++pool) {
    PoolTopics& own = pools_[pool];
    if (own.nodes.empty()) continue;
    OpenNodes(pool, held);
    // Those that have left go when the others are there.
    std::vector<std::unique_ptr<SubscribedNode>> left;
    for (auto& node : own.nodes) {
      if (!IsAmong(held.node_pools[pool], *node)) left.push_back(std::move(node));
    }
    std::erase(own.nodes, nullptr);
  }
  for (auto& [session, subscriber] : subscribers_) {
    const std::vector<uint32_t>& pools = held->listeners[subscriber.listener].pools;
    if (subscriber.pools == pools) continue;
    for (const uint32_t pool : pools) OpenNodes(pool, held);
    MoveTo(session, subscriber, pools);
  }
}

void Subscriptions::Tick() {
  constexpr size_t kKeptScratch = 64 << 10;
  if (scratch_.capacity() > kKeptScratch) std::string().swap(scratch_);
  questions_.Tick();
  for (PoolTopics& pool : pools_) {
    for (const auto& node : pool.nodes) node->Tick();
  }
}

}  // namespace ringproxy::proxy
