#include "proxy/state/subscribed_node.h"

#include <spdlog/spdlog.h>

#include <array>
#include <optional>
#include <utility>

#include "backends/line_limit.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

constexpr std::array<std::string_view, kTopicKinds> kSubscribe = {"subscribe", "psubscribe", "ssubscribe"};
constexpr std::array<std::string_view, kTopicKinds> kUnsubscribe = {"unsubscribe", "punsubscribe", "sunsubscribe"};
constexpr std::array<std::string_view, kTopicKinds> kMessage = {"message", "pmessage", "smessage"};

// A node that answers nothing gets no more than so many words beyond what its topics need.
constexpr size_t kMostAwaited = 100'000;

std::optional<TopicKind> KindIn(const std::array<std::string_view, kTopicKinds>& words, std::string_view word) {
  for (size_t kind = 0; kind < kTopicKinds; ++kind) {
    if (words[kind] == word) return static_cast<TopicKind>(kind);
  }
  return std::nullopt;
}

}  // namespace

SubscribedNode::~SubscribedNode() {
  Forget();
  SetMissing(false);
  parts_.link.Leave();
}

void SubscribedNode::CountLink(const Topic& topic, int delta) {
  if (!parts_.is_own) parts_.counts.AddLink(*parts_.record, topic.kind, topic.name, delta);
}

void SubscribedNode::SetMissing(bool is_missing) {
  if (std::exchange(is_missing_, is_missing) != is_missing)
    parts_.counts.AddMissing(*parts_.record, is_missing ? 1 : -1);
}

void SubscribedNode::Open() {
  SetMissing(true);
  parts_.link.Open(*this);
}

void SubscribedNode::Want(Topic& topic) {
  parts_.link.Open(*this);
  Say(topic, true);
}

void SubscribedNode::Say(Topic& topic, bool subscribes) {
  if (parts_.link.is_ready()) return Send(topic, subscribes);
  if (!subscribes) return;
  if (!parts_.link.is_coming()) {
    // Whoever subscribes does not wait for it, and may miss what is published there.
    has_missed_ = true;
    return SetMissing(true);
  }
  coming_.push_back(&topic);
  ++topic.unsettled;
}

void SubscribedNode::Send(Topic& topic, bool subscribes) {
  const size_t kind = static_cast<size_t>(topic.kind);
  scratch_.clear();
  wire::AppendArrayHeader(2, &scratch_);
  wire::AppendBulk(subscribes ? kSubscribe[kind] : kUnsubscribe[kind], &scratch_);
  wire::AppendBulk(topic.name, &scratch_);
  parts_.link.Write(scratch_);
  constexpr size_t kKeptScratch = 16 << 10;
  if (scratch_.capacity() > kKeptScratch) std::string().swap(scratch_);
  // Until now there was nothing to hear.
  if (awaited_.empty()) heard_ = parts_.clock.now();
  const net::TimePoint now = parts_.clock.now();
  const bool is_late = !awaited_.empty() && now - awaited_.front().since >= kPatience;
  awaited_.push_back({&topic, subscribes, is_late, now});
  ++topic.unsettled;
  if (is_late) ++topic.late;
}

void SubscribedNode::OnLinkReady() {
  heard_ = parts_.clock.now();
  const std::vector<Topic*> coming = std::move(coming_);
  coming_.clear();
  size_t topics = 0;
  parts_.topics.ForEachWanted([&](Topic& topic) {
    Send(topic, true);
    ++topics;
  });
  to_renew_ = topics;
  if (topics == 0) SetMissing(false);
  if (std::exchange(has_missed_, false)) parts_.stats.subscription_gaps.Add(topics);
  for (Topic* topic : coming) Settle(*topic, false);
}

bool SubscribedNode::OnLinkFrame(backends::Reply&& frame) {
  heard_ = parts_.clock.now();
  // There was no memory for a message.
  if (frame.size() == 0) {
    parts_.stats.subscription_gaps.Add();
    return true;
  }
  if (wire::IsError(frame.bytes())) return OnError(frame.bytes());
  if (frame.bytes() == "+PONG\r\n") return OnPong();
  wire::ArrayReader reader(frame.bytes());
  if (!reader.is_array() || reader.remaining() < 2) return false;
  const std::string_view word = wire::BulkReply(reader.Next()).value_or("");
  const std::string_view name = wire::BulkReply(reader.Next()).value_or("");
  if (const auto kind = KindIn(kMessage, word)) {
    // Its last listener may have left while it came.
    if (Topic* const topic = parts_.topics.Find(*kind, name)) observer_.OnMessage(*topic, std::move(frame));
    return true;
  }
  if (const auto kind = KindIn(kSubscribe, word)) return OnAnswer(true, *kind, name);
  if (const auto kind = KindIn(kUnsubscribe, word)) return OnAnswer(false, *kind, name);
  return word == "pong" && OnPong();
}

bool SubscribedNode::OnPong() {
  if (awaited_.empty() || awaited_.front().topic != nullptr) return false;
  awaited_.pop_front();
  return true;
}

bool SubscribedNode::OnAnswer(bool subscribes, TopicKind kind, std::string_view name) {
  if (awaited_.empty() || awaited_.front().topic == nullptr) return false;
  const AwaitedAnswer said = awaited_.front();
  Topic& topic = *said.topic;
  if (said.subscribes != subscribes || topic.kind != kind || topic.name != name) return false;
  awaited_.pop_front();
  if (!subscribes) {
    if (on_.erase(&topic) > 0) CountLink(topic, -1);
  } else {
    if (on_.insert(&topic).second) CountLink(topic, 1);
    // Its clients were told that they are subscribed before they were.
    if (said.is_late || parts_.clock.now() - said.since > kPatience) parts_.stats.subscription_gaps.Add();
  }
  OnAnswered();
  Settle(topic, said.is_late);
  return true;
}

bool SubscribedNode::OnError(std::string_view error) {
  if (awaited_.empty()) return false;
  const AwaitedAnswer said = awaited_.front();
  awaited_.pop_front();
  if (said.topic == nullptr) return true;
  const std::string_view words = error.substr(1, error.find('\r') - 1);
  static backends::LineLimit lines;
  lines.Log(parts_.clock.now(), spdlog::level::warn, "node {} of pool {} refuses a subscription: {}",
            parts_.record->name(), parts_.record->pool(), words);
  if (said.subscribes) {
    observer_.OnTopicRefused(*said.topic, words);
  } else if (on_.erase(said.topic) > 0) {
    CountLink(*said.topic, -1);
  }
  OnAnswered();
  Settle(*said.topic, said.is_late);
  return true;
}

// Only subscriptions are said anew, so whatever else is answered comes behind them.
void SubscribedNode::OnAnswered() {
  if (to_renew_ > 0 && --to_renew_ == 0) SetMissing(false);
}

void SubscribedNode::Settle(Topic& topic, bool is_late) {
  if (is_late) --topic.late;
  if (--topic.unsettled == topic.late) observer_.OnSettled(topic);
}

void SubscribedNode::Forget() {
  // What follows may reach this object again, which then has nothing left.
  const std::deque<AwaitedAnswer> awaited = std::exchange(awaited_, {});
  const std::vector<Topic*> coming = std::exchange(coming_, {});
  const std::unordered_set<Topic*> on = std::exchange(on_, {});
  to_renew_ = 0;
  for (Topic* topic : on) CountLink(*topic, -1);
  for (const AwaitedAnswer& said : awaited) {
    if (said.topic != nullptr) Settle(*said.topic, said.is_late);
  }
  for (Topic* topic : coming) Settle(*topic, false);
}

void SubscribedNode::OnLinkGone() {
  const bool was_on = !on_.empty();
  has_missed_ = has_missed_ || was_on || !awaited_.empty() || !coming_.empty();
  if (has_missed_) SetMissing(!parts_.topics.empty());
  Forget();
  if (was_on) observer_.OnGap(parts_.topics.group());
}

void SubscribedNode::Tick() {
  if (parts_.topics.empty()) SetMissing(false);
  if (!parts_.link.is_ready()) return;
  const net::Duration silent = parts_.clock.now() - heard_;
  if (awaited_.size() > kMostAwaited + 2 * parts_.topics.size()) return parts_.link.GiveUp("it answers nothing");
  if (silent < kSilence) return;
  if (!awaited_.empty()) return parts_.link.GiveUp("a subscription link is silent");
  if (parts_.topics.empty()) return parts_.link.Close();
  parts_.link.Write("*1\r\n$4\r\nPING\r\n");
  awaited_.push_back({nullptr, false, false, parts_.clock.now()});
  heard_ = parts_.clock.now();
}

}  // namespace ringproxy::proxy
