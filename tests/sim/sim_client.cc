#include "tests/sim/sim_client.h"

#include <utility>

#include "tests/sim/sim_node.h"

namespace ringproxy::sim {

namespace {

// A sick node's error says what it was asked for.
bool NamesOwnKey(std::string_view reply, std::string_view request) {
  const size_t position = reply.find(kAskedFor);
  if (position == std::string_view::npos) return true;
  const std::string_view named = reply.substr(position + kAskedFor.size());
  return request.find(named.substr(0, named.find('\r'))) != std::string_view::npos;
}

}  // namespace

std::string SimClient::RandomKey() {
  return loop_.Chance(0.4) ? own_.Random() : SharedKey();
}

std::string SimClient::SharedKey() {
  return "key:" + std::to_string(loop_.Random(200));
}

std::string SimClient::RandomValue(const std::string& key) {
  // The simulated network takes so long over large ones that some time out, which is no fault in the end.
  const bool large = !all_is_well_ && loop_.Chance(0.02);
  return key + "=" + std::string(loop_.Random(large ? 80'000 : 40), 'v');
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

void SimClient::Start(Plan plan) {
  plan_ = std::move(plan);
  Burst();
}

void SimClient::Burst() {
  if (closed_) return;
  if (loop_.Chance(0.01)) {
    left_early_ = true;
    return wire_->Reset();
  }
  std::string out = std::exchange(plan_.header, {});
  for (uint64_t i = 1 + loop_.Random(20); i > 0 && plan_.commands > 0; --i, --plan_.commands) SendRandomCommand(&out);
  wire_->Send(out);
  if (plan_.commands == 0) {
    if (!plan_.stays) Finish();
    return;
  }
  // Sometimes it does not read for a while.
  if (loop_.Chance(0.1)) {
    wire_->SetReading(false);
    loop_.After(loop_.RandomDelay(net::Duration(20'000)), [this] { wire_->SetReading(true); });
  }
  loop_.After(loop_.RandomDelay(plan_.longest_pause), [this] { Burst(); });
}

void SimClient::Finish() {
  if (loop_.Chance(0.5)) return wire_->FinishSending();
  std::string out;
  SendQuit(&out);
  wire_->Send(out);
}

void SimClient::FinishWell() {
  if (closed_ || !plan_.stays) return;
  if (!expected_.empty()) Complain("nothing came in all the time", expected_.front().request, "");
  all_is_well_ = true;
  std::string out;
  for (int i = 0; i < 10; ++i) SendRandomCommand(&out);
  wire_->Send(out);
  Finish();
}

void SimClient::Complain(std::string_view what, std::string_view request, std::string_view reply) {
  if (!complaint_.empty()) return;
  complaint_ = std::string(what).append(": to ").append(request.substr(0, 120));
  if (!reply.empty()) complaint_.append(" came ").append(reply.substr(0, 120));
}

void SimClient::OnBytes(std::string_view bytes) {
  input_ += bytes;
  while (!input_.empty() && complaint_.empty()) {
    const wire::ReplyFramer::FrameStatus status = framer_->Frame(input_);
    if (status == wire::ReplyFramer::FrameStatus::kNeedMore) return;
    if (status == wire::ReplyFramer::FrameStatus::kBad) {
      complaint_ = "not a reply: " + input_.substr(0, 80);
      return;
    }
    const std::string reply = input_.substr(0, framer_->size());
    input_.erase(0, reply.size());
    OnReplyBytes(reply);
  }
}

void SimClient::OnReplyBytes(std::string_view reply) {
  // A limit may refuse at any time.
  const bool is_limit = reply.starts_with("-RATELIMITED ") || reply == "SERVER_ERROR rate limited\r\n";
  if (all_is_well_ && IsNodeFailure(reply) && !is_limit && !MayFailWell(reply))
    return Complain("failed though all is well", "one request", reply);
  // A failure may be any one's of those that need no reply, so none of them is struck off.
  if (!expected_.empty() && expected_.front().silence && IsNodeFailure(reply)) {
    ++shown_failures_;
    return;
  }
  while (!expected_.empty()) {
    const Expected front = std::move(expected_.front());
    expected_.pop_front();
    const bool own = front.check(reply) && (front.silence || NamesOwnKey(reply, front.request));
    answered_ += own ? 1 : 0;
    if (own && front.silence) return;
    if (own) return SettleSilences(front.request);
    if (!front.silence) return Complain("wrong reply", front.request, reply);
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
