// backends/link/subscription_link.h – A worker's link to one node that carries subscriptions and nothing else.
//
// Purpose: a node writes messages to it whenever somebody publishes, so no request may share it. It speaks RESP2, which
// every node does, and in which a message has the same bytes as in RESP3 but for its first one. Opens when it is first
// needed and comes back after failures by itself; what is subscribed on it is its user's to know, and to say again.
// Threads: its worker's. Lifetime: its node's; the user outlives it, or says that it leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backends/health/node_guard.h"
#include "backends/link/node_link.h"
#include "backends/reply.h"

namespace ringproxy::backends {

class SubscriptionUser {
 public:
  // It is greeted, and nothing is subscribed on it.
  virtual void OnLinkReady() = 0;
  // One whole frame, a message or the answer to what was said; empty when there was no memory for it. False: it is not
  // what may come, and the link is given up.
  virtual bool OnLinkFrame(Reply&& frame) = 0;
  // Nothing that was said on it is answered any more, nothing is subscribed on it; or it could not be opened.
  virtual void OnLinkGone() = 0;

 protected:
  ~SubscriptionUser() = default;
};

class SubscriptionLink final : private NodeLink::User {
 public:
  // kShared: all clients of the worker listen over it, so where the node is there it is no less than a plain link.
  enum class Use : uint8_t { kShared, kOwn };

  // `guard`: of the node.
  SubscriptionLink(const NodeLink::LinkParts& parts, NodeGuard& guard, Use use)
      : guard_(guard), use_(use), link_(parts, *this) {}

  // Opens it, if it is not open or about to be.
  void Open(SubscriptionUser& user);
  // The user is told nothing any more. Closes it.
  void Leave();

  // Nobody needs it for now.
  void Close();

  // Drain closes it and tells the user so; until Reopen it stays closed, and opens then if somebody uses it.
  void Drain();
  void Reopen();
  void Hurry() { link_.Hurry(); }

  bool is_ready() const { return link_.state() == LinkState::kReady; }
  // It is likely to be ready soon: no attempt has failed since it was last.
  bool is_coming() const { return !is_ready() && !is_closed() && !has_failed_; }
  bool is_closed() const { return link_.state() == LinkState::kClosed || link_.state() == LinkState::kIdle; }
  // Requires: is_ready().
  void Write(std::string_view command) { link_.Write(command); }
  void GiveUp(std::string_view why) { link_.Break(why); }

 private:
  net::Duration WaitToConnect() override;
  void OnReady(ServerVersion version) override;
  void OnBytes() override;
  void OnConnectFailed(std::string_view why) override;
  void OnRefused(Flavour flavour, std::string_view why) override;
  void OnLost(std::string_view why) override;

  NodeGuard& guard_;
  const Use use_;
  SubscriptionUser* user_ = nullptr;
  bool has_failed_ = false;
  bool takes_ = true;
  NodeLink link_;
};

}  // namespace ringproxy::backends
