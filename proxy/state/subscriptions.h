// proxy/state/subscriptions.h – What the clients of one worker listen to.
//
// Purpose: a worker subscribes once at each node to what any of its clients listens to, and fans out what comes:
//
//   client ─ SUBSCRIBE ─► subscriber ─► topic ─ the first listener ─► subscribed_node ─ SUBSCRIBE ─► every node of the
//   client ◄─ message ──────── listeners ◄── topic ◄── the node at which somebody publishes ◄──────── listener's pools
//
// Somebody may publish at any node (scripts, transactions, clients that speak to it directly, events of its keys), but
// each PUBLISH runs at one, so every message comes once. A client is told that it is subscribed when all nodes that can
// be reached have confirmed it; one that is down, or silent for a second, is joined later, and counted as a gap.
// Threads: its worker's. Lifetime: all that it is given outlives it, the nodes' links included.
// Promise: each ticket is answered once. Bounds: kMostOfClient, kMostOfWorker, kLongestName, kMostNameBytes.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/net/earliest_timer.h"
#include "backends/worker_io.h"
#include "proxy/route/pubsub_desk.h"
#include "proxy/state/message_sink.h"
#include "proxy/state/pubsub_questions.h"
#include "proxy/state/subscribed_node.h"
#include "proxy/state/topic_table.h"

namespace ringproxy::proxy {

class Subscriptions final : public PubSubDesk, private SubscribedNode::Observer {
 public:
  static constexpr size_t kMostOfClient = 64 << 10;
  static constexpr size_t kMostOfWorker = 1 << 20;
  // A node cuts off whoever is to read more than 32 MiB at once, and that would be all clients of the worker.
  static constexpr size_t kLongestName = 64 << 10;
  static constexpr size_t kMostNameBytes = 128 << 20;  // Of a pool, with what each topic takes beside its name.

  // `worker`: the number of one, for the nodes' statistics.
  Subscriptions(backends::WorkerIo& io, uint32_t worker, backends::ReplySink& sink, SubscriptionCounts& counts,
                MessageSink& messages);
  ~Subscriptions();

  // The sessions' numbers are their lanes'.
  void Dispatch(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) override;
  // How many the session has, of all kinds.
  size_t CountOf(uint32_t session) const;
  // The session has none any more, and is told nothing of that; but `reset`, that of a RESET, is answered when the
  // nodes have confirmed it.
  void End(uint32_t session, std::optional<backends::Ticket> reset = std::nullopt);

  // Goes over to the pools and nodes of the snapshot that has come into force.
  void Adopt(HeldSnapshot& held);
  // Once a second.
  void Tick();
  // What hears of tickets of the kind kPubSub.
  backends::ReplySink& questions() { return questions_; }
  // Of all clients.
  size_t size() const { return size_; }

 private:
  // One client's part in a topic.
  struct Membership {
    size_t position;  // Among the topic's listeners.
    uint64_t ack;     // What is to be said first; 0: it has been said.
  };
  struct Subscriber {
    std::vector<uint32_t> pools;  // Of its listener; it has each name in all of them.
    uint32_t listener;
    std::unordered_map<Topic*, Membership> topics{};
    std::array<size_t, kTopicKinds> counts{};  // Names, by kind.

    // What an acknowledgement tells.
    size_t CountFor(TopicKind kind) const { return kind == TopicKind::kShard ? counts[2] : counts[0] + counts[1]; }
  };
  // A reply that waits until the nodes have confirmed what it says.
  struct Acknowledgement {
    backends::Ticket ticket{};
    uint32_t session = 0;
    net::TimePoint since{};
    std::string text{};
    std::string refusal{};         // Of a node, instead of the text.
    std::vector<Topic*> joined{};  // The session's memberships that await it.
    size_t waiting = 0;            // Topics.
  };
  struct PoolTopics {
    explicit PoolTopics(uint32_t pool) : topics(pool) {}
    TopicTable topics;
    std::deque<std::unique_ptr<SubscribedNode>> nodes;  // Once anybody has subscribed to anything.
  };

  void Subscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  void Unsubscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // Whether these names are too many; then the words that say so.
  std::string_view TooMany(const Subscriber& subscriber, const wire::Request& request) const;
  void OpenNodes(uint32_t pool, HeldSnapshot& held);
  // `ack`: 0 if nothing is to be said.
  void Join(uint32_t session, Subscriber& subscriber, TopicKind kind, std::string_view name, uint64_t ack);
  void JoinIn(uint32_t session, Subscriber& subscriber, Topic& topic, uint64_t ack);
  void Leave(Subscriber& subscriber, TopicKind kind, std::string_view name, uint64_t ack);
  void LeaveTopic(Subscriber& subscriber, Topic& topic);
  // The acknowledgement waits for the topic, if that waits for nodes.
  void AwaitTopic(Topic& topic, uint64_t ack);
  void Acknowledge(uint64_t ack);
  void AcknowledgeLate();
  // Its listener leads to other pools now.
  void MoveTo(uint32_t session, Subscriber& subscriber, const std::vector<uint32_t>& pools);

  void OnSettled(Topic& topic) override;
  void OnTopicRefused(Topic& topic, std::string_view words) override;
  void OnMessage(uint32_t pool, TopicKind kind, std::string_view name, backends::Reply&& message) override;
  void OnGap(uint32_t pool) override;

  backends::WorkerIo& io_;
  const uint32_t worker_;
  backends::ReplySink& sink_;
  SubscriptionCounts& counts_;
  MessageSink& messages_;
  PubSubQuestions questions_;
  net::EarliestTimer timer_;  // While acknowledgements wait.
  std::deque<PoolTopics> pools_;
  std::unordered_map<uint32_t, Subscriber> subscribers_;
  std::map<uint64_t, Acknowledgement> acks_;  // The oldest first.
  uint64_t last_ack_ = 0;
  size_t size_ = 0;
  std::vector<bool> disconnects_;  // By pool: a gap ends its listeners' connections.
  std::string scratch_;
};

}  // namespace ringproxy::proxy
