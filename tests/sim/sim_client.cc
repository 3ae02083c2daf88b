#include "tests/sim/sim_client.h"

#include "backends/wire/resp_encode.h"

namespace ringproxy::sim {
namespace {

std::string Encode(const std::vector<std::string>& arguments) {
  std::string out;
  wire::AppendArrayHeader(arguments.size(), &out);
  for (const std::string& argument : arguments) wire::AppendBulk(argument, &out);
  return out;
}

// What the proxy may say instead of a node.
bool IsNodeFailure(std::string_view reply) {
  return reply.starts_with("-NODEDOWN ") || reply.starts_with("-TIMEOUT ");
}

// Nil or a value of this key.
bool BelongsTo(std::string_view element, const std::string& key) {
  if (wire::IsNil(element)) return true;
  const auto value = wire::BulkReply(element);
  return value && value->starts_with(key + "=");
}

bool AnswersMget(std::string_view reply, const std::vector<std::string>& keys) {
  wire::ArrayReader elements(reply);
  if (!elements.is_array() || elements.remaining() != keys.size()) return false;
  for (const std::string& key : keys) {
    if (!BelongsTo(elements.Next(), key)) return false;
  }
  return true;
}

}  // namespace

std::string SimClient::RandomKey() {
  return "key:" + std::to_string(loop_.Random(200));
}

void SimClient::Expect(std::string encoded, Check check, std::string* out) {
  *out += encoded;
  expected_.push_back({std::move(encoded), std::move(check)});
}

void SimClient::SendRandomCommand(std::string* out) {
  const std::string key = RandomKey();
  const std::string value = key + "=" + std::string(loop_.Random(loop_.Chance(0.02) ? 80'000 : 40), 'v');
  const auto or_failure = [](Check check) -> Check {
    return [check = std::move(check)](std::string_view reply) { return IsNodeFailure(reply) || check(reply); };
  };
  switch (loop_.Random(8)) {
    case 0:
    case 1: return Expect(Encode({"SET", key, value}), or_failure([](auto reply) { return reply == "+OK\r\n"; }), out);
    case 2:
    case 3: return Expect(Encode({"GET", key}), or_failure([key](auto reply) { return BelongsTo(reply, key); }), out);
    case 4: {
      std::vector<std::string> keys;
      for (size_t i = 1 + loop_.Random(12); i > 0; --i) keys.push_back(RandomKey());
      std::vector<std::string> arguments = keys;
      arguments.insert(arguments.begin(), "mget");
      return Expect(Encode(arguments), or_failure([keys](auto reply) { return AnswersMget(reply, keys); }), out);
    }
    case 5: {
      const std::string other = RandomKey();
      return Expect(Encode({"MSET", key, value, other, other + "=2"}),
                    or_failure([](auto r) { return r == "+OK\r\n"; }), out);
    }
    case 6: {
      const std::string text = std::to_string(number_) + ":" + std::to_string(loop_.Random(1'000'000));
      std::string wanted;
      wire::AppendBulk(text, &wanted);
      return Expect(
          Encode({"ECHO", text}), [wanted](auto reply) { return reply == wanted; }, out);
    }
    default:
      return Expect(Encode({"DEL", key, RandomKey(), RandomKey()}), or_failure([](auto reply) {
                      const auto gone = wire::IntegerReply(reply);
                      return gone && *gone >= 0 && *gone <= 3;
                    }),
                    out);
  }
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
    Expect(
        Encode({"QUIT"}), [](auto reply) { return reply == "+OK\r\n"; }, &out);
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
    const wire::ReplyFramer::Status status = framer_.Frame(input_);
    if (status == wire::ReplyFramer::Status::kNeedMore) return;
    if (status == wire::ReplyFramer::Status::kBad) {
      complaint_ = "not RESP: " + input_.substr(0, 80);
      return;
    }
    const std::string reply = input_.substr(0, framer_.size());
    input_.erase(0, reply.size());
    if (expected_.empty()) {
      complaint_ = "a reply to nothing: " + reply.substr(0, 80);
    } else if (!expected_.front().check(reply)) {
      complaint_ = "to " + expected_.front().request.substr(0, 120) + " came " + reply.substr(0, 120);
    } else {
      expected_.pop_front();
      ++answered_;
    }
  }
}

}  // namespace ringproxy::sim
