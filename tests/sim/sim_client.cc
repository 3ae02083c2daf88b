#include "tests/sim/sim_client.h"

#include <utility>

namespace ringproxy::sim {

std::string SimClient::RandomKey() {
  return "key:" + std::to_string(loop_.Random(200));
}

std::string SimClient::RandomValue(const std::string& key) {
  return key + "=" + std::string(loop_.Random(loop_.Chance(0.02) ? 80'000 : 40), 'v');
}

void SimClient::Expect(std::string encoded, Check check, std::string* out) {
  *out += encoded;
  expected_.push_back({std::move(encoded), std::move(check)});
}

void SimClient::ExpectPerhaps(std::string encoded, Check check, std::string* out) {
  Expect(std::move(encoded), std::move(check), out);
  expected_.back().perhaps = true;
}

SimClient::Check SimClient::OrFailure(Check check) const {
  return [this, check = std::move(check)](std::string_view reply) { return IsNodeFailure(reply) || check(reply); };
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
  if (!expected_.empty() && expected_.front().perhaps && IsNodeFailure(reply)) return;
  while (!expected_.empty() && expected_.front().perhaps && !expected_.front().check(reply)) expected_.pop_front();
  if (expected_.empty()) {
    complaint_ = "a reply to nothing: " + std::string(reply.substr(0, 80));
  } else if (!expected_.front().check(reply)) {
    complaint_ = "to " + expected_.front().request.substr(0, 120) + " came " + std::string(reply.substr(0, 120));
  } else {
    expected_.pop_front();
    ++answered_;
  }
}

}  // namespace ringproxy::sim
