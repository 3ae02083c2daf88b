#include "tests/sim/sim_client.h"

#include <utility>

namespace ringproxy::sim {

std::string SimClient::RandomKey() {
  return loop_.Chance(0.4) ? own_.Random() : SharedKey();
}

std::string SimClient::SharedKey() {
  return "key:" + std::to_string(loop_.Random(200));
}

std::string SimClient::RandomValue(const std::string& key) {
  return key + "=" + std::string(loop_.Random(loop_.Chance(0.02) ? 80'000 : 40), 'v');
}

void SimClient::Expect(std::string encoded, Check check, std::string* out) {
  ExpectPerhaps(std::move(encoded), std::move(check), nullptr, out);
}

void SimClient::ExpectPerhaps(std::string encoded, Check check, Silence silence, std::string* out) {
  *out += encoded;
  expected_.push_back({std::move(encoded), std::move(check), std::move(silence)});
}

SimClient::Check SimClient::OrFailure(Check check) const {
  return [this, check = std::move(check)](std::string_view reply) { return IsNodeFailure(reply) || check(reply); };
}

SimClient::Check SimClient::OrLost(const std::string& key, Check check) {
  return [this, key, check = std::move(check)](std::string_view reply) {
    if (!IsNodeFailure(reply)) return check(reply);
    own_.Unknown(key);
    return true;
  };
}

void SimClient::Start(uint32_t commands) {
  commands_left_ = commands;
  Burst();
}

void SimClient::Burst() {
  if (closed_) return;
  if (loop_.Chance(0.01)) {
    left_early_ = true;
    return wire_->Reset();
  }
  std::string out;
  for (uint64_t i = 1 + loop_.Random(20); i > 0 && commands_left_ > 0; --i, --commands_left_) SendRandomCommand(&out);
  if (commands_left_ == 0 && loop_.Chance(0.5)) {
    SendQuit(&out);
    wire_->Send(out);
    return;
  }
  wire_->Send(out);
  if (commands_left_ == 0) return wire_->FinishSending();
  // Sometimes it does not read for a while.
  if (loop_.Chance(0.1)) {
    wire_->SetReading(false);
    loop_.After(loop_.RandomDelay(net::Duration(20'000)), [this] { wire_->SetReading(true); });
  }
  loop_.After(loop_.RandomDelay(net::Duration(3'000)), [this] { Burst(); });
}

void SimClient::OnBytes(std::string_view bytes) {
  input_ += bytes;
  while (!input_.empty() && complaint_.empty()) {
    const wire::ReplyFramer::Status status = framer_->Frame(input_);
    if (status == wire::ReplyFramer::Status::kNeedMore) return;
    if (status == wire::ReplyFramer::Status::kBad) {
      complaint_ = "not a reply: " + input_.substr(0, 80);
      return;
    }
    const std::string reply = input_.substr(0, framer_->size());
    input_.erase(0, reply.size());
    OnReplyBytes(reply);
  }
}

void SimClient::OnReplyBytes(std::string_view reply) {
  // A failure may be any one's of those that need no reply, so none of them is struck off.
  if (!expected_.empty() && expected_.front().silence && IsNodeFailure(reply)) {
    ++shown_failures_;
    return;
  }
  while (!expected_.empty()) {
    const Expected front = std::move(expected_.front());
    expected_.pop_front();
    const bool own = front.check(reply);
    answered_ += own ? 1 : 0;
    if (own && front.silence) return;
    if (own) return SettleSilences(front.request);
    if (!front.silence) {
      complaint_ = "to " + front.request.substr(0, 120) + " came " + std::string(reply.substr(0, 120));
      return;
    }
    ++silences_;
    wrong_silences_ += front.silence(shown_failures_ > 0) ? 0 : 1;
  }
  complaint_ = "a reply to nothing: " + std::string(reply.substr(0, 80));
}

// Each failure stands for one request that stayed silent otherwise.
void SimClient::SettleSilences(const std::string& request) {
  if (wrong_silences_ > shown_failures_) complaint_ = "a reply was kept back before " + request.substr(0, 80);
  if (shown_failures_ > silences_) complaint_ = "too many failures before " + request.substr(0, 80);
  shown_failures_ = wrong_silences_ = silences_ = 0;
}

}  // namespace ringproxy::sim
