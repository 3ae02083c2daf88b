#include "backends/link/subscription_link.h"

#include <optional>
#include <utility>

namespace ringproxy::backends {

void SubscriptionLink::Open(SubscriptionUser& user) {
  user_ = &user;
  if (!takes_ || !is_closed()) return;
  has_failed_ = false;
  link_.Connect();
}

void SubscriptionLink::Leave() {
  user_ = nullptr;
  Close();
}

void SubscriptionLink::Close() {
  if (is_closed()) return;
  // An attempt that was under way is over, and says nothing.
  if (!is_ready()) guard_.OnClosed();
  link_.Close();
}

void SubscriptionLink::Drain() {
  takes_ = false;
  Close();
}

void SubscriptionLink::Reopen() {
  takes_ = true;
  if (user_ != nullptr) Open(*user_);
}

net::Duration SubscriptionLink::WaitToConnect() {
  return guard_.WaitToConnect(is_ready(), use_ == Use::kShared && guard_.takes_connections());
}

void SubscriptionLink::OnReady(ServerVersion) {
  has_failed_ = false;
  guard_.OnReady();
  if (user_ != nullptr) user_->OnLinkReady();
}

void SubscriptionLink::OnBytes() {
  guard_.silence().OnHeard();
  while (const std::optional<ReplyFrame> frame = link_.NextReply()) {
    bool is_known = true;
    if (frame->is_large()) {
      Reply reply(frame->Take());
      is_known = user_ == nullptr || user_->OnLinkFrame(std::move(reply));
    } else {
      is_known = user_ == nullptr || user_->OnLinkFrame(Reply(frame->bytes()));
      frame->Drop();
    }
    if (!is_known) return link_.Break("not what a subscriber is told");
    // What the frame has led to may have closed it.
    if (!is_ready()) return;
  }
  if (is_ready() && link_.stream().lacks_memory()) link_.stream().SkipReply();
}

void SubscriptionLink::OnConnectFailed(std::string_view why) {
  has_failed_ = true;
  guard_.OnConnectFailed(why);
}

// It has the plain flavour, which no node refuses.
void SubscriptionLink::OnRefused(Flavour, std::string_view why) {
  OnConnectFailed(why);
  if (user_ != nullptr) user_->OnLinkGone();
}

void SubscriptionLink::OnLost(std::string_view) {
  if (user_ != nullptr) user_->OnLinkGone();
}

}  // namespace ringproxy::backends
