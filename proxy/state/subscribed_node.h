// proxy/state/subscribed_node.h – What a worker has subscribed at one node.
//
// Purpose: a node gets SUBSCRIBE once for each topic that any client listens to, and UNSUBSCRIBE when the last one
// leaves. Answers carry no number, so they belong to what was said first. After a loss all topics are said again, and
// what may have been missed is counted. Until the node has answered them it is known to SubscriptionCounts as one at
// which nothing should be published.
//
//   Want ──► SUBSCRIBE … the answer is awaited … on ──► Unwant: UNSUBSCRIBE … off      The link is lost: all are off.
//
// Threads: its worker's. Lifetime: the link, the table and the observer outlive it.
#pragma once

#include <deque>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "backends/health/node_record.h"
#include "backends/link/pinned_links.h"
#include "backends/link/subscription_link.h"
#include "backends/net/loop.h"
#include "proxy/state/topic_table.h"

namespace ringproxy::proxy {

class SubscribedNode final : private backends::SubscriptionUser {
 public:
  // An answer that takes longer is not waited for by any client, nor are those behind it.
  static constexpr net::Duration kPatience = std::chrono::seconds(1);
  // A link that has been silent for so long is asked whether it lives, and given up when it says nothing again.
  static constexpr net::Duration kSilence = std::chrono::seconds(15);

  class Observer {
   public:
    // No node's answer about the topic is waited for any more; if none is to come it may be erased.
    virtual void OnSettled(Topic& topic) = 0;
    // The node does not let the proxy subscribe to it, in these words.
    virtual void OnTopicRefused(Topic& topic, std::string_view words) = 0;
    // A message as RESP2 has it.
    virtual void OnMessage(Topic& topic, backends::Reply&& message) = 0;
    // Messages may be missed from now on.
    virtual void OnGap(TopicGroup& group) = 0;

   protected:
    ~Observer() = default;
  };
  struct SubscribedNodeParts {
    backends::SubscriptionLink& link;
    const backends::PinnedLinks& at;  // The node's, by which it is known.
    std::shared_ptr<backends::NodeRecord> record;
    backends::NodeStats& stats;
    TopicTable& topics;
    SubscriptionCounts& counts;
    bool is_own;  // One client's: the node's number of such links is that of clients.
    const net::Clock& clock;
  };

  // `lease`: of the link, if it is one client's own.
  SubscribedNode(const SubscribedNodeParts& parts, std::unique_ptr<backends::SubscriptionLease> lease,
                 Observer& observer)
      : parts_(parts), lease_(std::move(lease)), observer_(observer) {}
  SubscribedNode(const SubscribedNode&) = delete;
  SubscribedNode& operator=(const SubscribedNode&) = delete;
  // Nothing is awaited of it any more.
  ~SubscribedNode();

  // Somebody listens to the topic now; nobody does any more.
  void Want(Topic& topic);
  void Unwant(Topic& topic) { Say(topic, false); }
  // Opens the link for the topics that there are. Until it has confirmed them they are missed here.
  void Open();
  bool IsAt(const backends::PinnedLinks& node) const { return &parts_.at == &node; }
  // Once a second.
  void Tick();

 private:
  struct AwaitedAnswer {
    Topic* topic;  // nullptr: to a PING.
    bool subscribes;
    bool is_late;  // Answers that were said before were overdue by then, so that nobody waits for this one.
    net::TimePoint since;
  };

  void OnLinkReady() override;
  bool OnLinkFrame(backends::Reply&& frame) override;
  void OnLinkGone() override;

  void Say(Topic& topic, bool subscribes);
  void Send(Topic& topic, bool subscribes);
  // The answer to what was said first. False: it is not.
  bool OnAnswer(bool subscribes, TopicKind kind, std::string_view name);
  bool OnError(std::string_view error);
  bool OnPong();
  void CountLink(const Topic& topic, int delta);
  // One answer less is to come.
  void Settle(Topic& topic, bool is_late);
  // All answers that were to come do not.
  void Forget();
  // Whether topics are missed here that others have been told they listen to.
  void SetMissing(bool is_missing);
  // The node has answered what was said first.
  void OnAnswered();

  const SubscribedNodeParts parts_;
  const std::unique_ptr<backends::SubscriptionLease> lease_;
  Observer& observer_;
  std::deque<AwaitedAnswer> awaited_;
  std::vector<Topic*> coming_;     // Said as soon as the link is ready, which some wait for.
  std::unordered_set<Topic*> on_;  // The node has confirmed them.
  std::string scratch_;
  net::TimePoint heard_{};
  bool has_missed_ = false;  // It was not there while somebody listened.
  bool is_missing_ = false;  // Nor is it now, or the node has not answered all that was said anew.
  size_t to_renew_ = 0;      // Of the answers that are awaited so many come first and are to that.
};

}  // namespace ringproxy::proxy
