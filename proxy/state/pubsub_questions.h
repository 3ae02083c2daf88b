// proxy/state/pubsub_questions.h – PUBLISH, and what PUBSUB asks of the nodes.
//
// Purpose: a message is published at one node, that of the channel's name, or another one while that is down: whoever
// listens is subscribed at all of them. One that has come back is published at when it is subscribed to again.
// Nodes count links; what clients read are listeners: see SubscriptionCounts.
// PUBSUB asks every node that may be asked, and makes one reply of theirs.
// Threads: its worker's. Lifetime: all that it is given outlives it. Promise: each ticket is answered once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/routed_request.h"
#include "proxy/state/subscription_counts.h"

namespace ringproxy::proxy {

class PubSubQuestions final : public backends::ReplySink {
 public:
  // For so long after a node's return what nobody would hear there is refused.
  static constexpr net::Duration kLongestMissing = std::chrono::seconds(1);

  enum class QuestionKind : uint8_t { kPublish, kNames, kNumbers, kPatterns };

  PubSubQuestions(const backends::WorkerIo& io, backends::ReplySink& sink, const SubscriptionCounts& counts)
      : io_(io), sink_(sink), counts_(counts) {}

  // A node at which subscriptions of any worker are missing takes no message that another one can take; where none can,
  // it takes them when it has been there for kLongestMissing, and until then they are refused.
  // `kind`: of the channel.
  void Publish(RoutedRequest& routed, const Origin& origin, TopicKind kind, backends::Ticket ticket);
  // PUBSUB: kNames are CHANNELS, kNumbers are NUMSUB, kPatterns is NUMPAT.
  void Ask(const RoutedRequest& routed, const Origin& origin, QuestionKind what, TopicKind kind,
           backends::Ticket ticket);

  // Of the nodes.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  size_t open() const { return questions_.in_use(); }
  // About once a second: gives idle memory back.
  void Tick() { questions_.ShrinkIfUnused(); }

 private:
  // Which node takes the message, or why none does.
  struct Place {
    NodeId to;
    backends::Admission admission;
  };
  struct NodeAnswer {
    std::shared_ptr<backends::NodeRecord> node;
    uint32_t pool = 0;
    std::string reply;  // Empty: none.
  };
  struct Question {
    backends::Ticket ticket;
    QuestionKind what = QuestionKind::kPublish;
    TopicKind kind = TopicKind::kChannel;
    std::vector<std::string> names;
    std::vector<NodeAnswer> answers;
    SubscriptionCounts::Reached reached;  // By kPublish, as it left.
    size_t waiting = 0;
    size_t reply_bytes = 0;
  };

  Place ChoosePlace(const Origin& origin, std::string_view channel, backends::Claim claim) const;
  uint32_t Open(QuestionKind what, TopicKind kind, backends::Ticket ticket);
  // The last answer is in. `failure`: the last one failed.
  void Finish(uint32_t place, const wire::Failure* failure);
  std::string Compose(const Question& question) const;
  std::string ComposePublished(const Question& question) const;
  static std::string ComposeNames(const Question& question);
  std::string ComposeNumbers(const Question& question) const;
  static std::string ComposePatterns(const Question& question);

  const backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  const SubscriptionCounts& counts_;
  net::PlaceList<Question> questions_;
};

}  // namespace ringproxy::proxy
