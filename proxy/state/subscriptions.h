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
// Where a pool's subscriptions are `own`, each client has its own links to all nodes of the pool instead, so that the
// nodes count clients, and nothing of theirs is corrected. They are leased when it first subscribes, and given back
// when it leaves, or about a second after its last subscription has ended.
// Threads: its worker's. Lifetime: all that it is given outlives it, the nodes' links included.
// Promise: each ticket is answered once. Bounds: kMostOfClient, kMostOfWorker, kLongestName, kMostNameBytes; of own
// links pinned_per_client and pinned_per_node.
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
#include "proxy/state/topic_groups.h"

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
  // How many names the session listens to, by kind.
  TopicCounts CountsOf(uint32_t session) const;
  // The session has none any more, and is told nothing of that; but `reset`, that of a RESET, is answered when the
  // nodes have confirmed it.
  void End(uint32_t session, std::optional<backends::Ticket> reset = std::nullopt);
  // Links to nodes that the session has for its subscriptions alone.
  uint32_t OwnLinksOf(uint32_t session) const;

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
    ClientGroups groups;
    uint32_t listener;
    std::unordered_map<Topic*, Membership> topics{};
    TopicCounts counts{};  // Names, by kind.

    size_t count() const { return counts[0] + counts[1] + counts[2]; }
    // Nothing is left of it, its links included.
    bool is_idle() const { return topics.empty() && groups.own.empty(); }
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
  void Subscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  void Unsubscribe(TopicKind kind, const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // Whether these names are too many; then the words that say so.
  std::string_view TooMany(const Subscriber& subscriber, const wire::Request& request) const;
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
  void MoveTo(uint32_t session, Subscriber& subscriber, const std::vector<TopicGroup*>& old);

  void OnSettled(Topic& topic) override;
  void OnTopicRefused(Topic& topic, std::string_view words) override;
  void OnMessage(Topic& topic, backends::Reply&& message) override;
  void OnGap(TopicGroup& group) override;

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  MessageSink& messages_;
  PubSubQuestions questions_;
  net::EarliestTimer timer_;  // While acknowledgements wait.
  TopicGroups groups_;
  std::unordered_map<uint32_t, Subscriber> subscribers_;
  std::map<uint64_t, Acknowledgement> acks_;  // The oldest first.
  uint64_t last_ack_ = 0;
  size_t size_ = 0;
  std::string scratch_;
};

}  // namespace ringproxy::proxy
