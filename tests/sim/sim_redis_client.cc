#include "tests/sim/sim_redis_client.h"

#include <algorithm>
#include <vector>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"
#include "tests/sim/sim_redis_node.h"

namespace ringproxy::sim {
namespace {

std::string Encode(const std::vector<std::string>& arguments) {
  std::string out;
  wire::AppendArrayHeader(arguments.size(), &out);
  for (const std::string& argument : arguments) wire::AppendBulk(argument, &out);
  return out;
}

}  // namespace

// Nil or a value of this key.
bool SimRedisClient::BelongsTo(std::string_view element, const std::string& key) {
  if (wire::IsNil(element)) return own().MayHold(key, std::nullopt);
  const auto value = wire::BulkReply(element);
  return value && value->starts_with(key + "=") && own().MayHold(key, value);
}

bool SimRedisClient::AnswersMget(std::string_view reply, const std::vector<std::string>& keys) {
  wire::ArrayReader elements(reply);
  if (!elements.is_array() || elements.remaining() != keys.size()) return false;
  for (const std::string& key : keys) {
    if (!BelongsTo(elements.Next(), key)) return false;
  }
  return true;
}

SimRedisClient::SimRedisClient(SimLoop& loop, uint32_t number, Consistency consistency)
    : SimClient(loop, number, consistency, std::make_unique<wire::RespReplyFramer>()) {}

bool SimRedisClient::IsNodeFailure(std::string_view reply) const {
  static constexpr std::string_view kFailures[] = {"-NODEDOWN ", "-TIMEOUT ",    "-OVERLOADED ", "-RATELIMITED ",
                                                   "-LOADING ",  "-MASTERDOWN ", "-BUSY ",       "-OOM "};
  return std::ranges::any_of(kFailures, [&](std::string_view failure) { return reply.starts_with(failure); });
}

void SimRedisClient::SendQuit(std::string* out) {
  Expect(
      Encode({"QUIT"}), [](auto reply) { return reply == "+OK\r\n"; }, out);
}

void SimRedisClient::SendRandomCommand(std::string* out) {
  const std::string key = RandomKey();
  const std::string value = RandomValue(key);
  switch (loop().Random(9)) {
    case 0:
    case 1:
      return Expect(Encode({"SET", key, value}),
                    OrLost(key,
                           [this, key, value](auto reply) {
                             own().Holds(key, value);
                             return reply == "+OK\r\n";
                           }),
                    out);
    case 2:
    case 3:
      return Expect(Encode({"GET", key}), OrFailure([this, key](auto reply) { return BelongsTo(reply, key); }), out);
    case 4: {
      std::vector<std::string> keys;
      for (size_t i = 1 + loop().Random(12); i > 0; --i) keys.push_back(RandomKey());
      std::vector<std::string> arguments = keys;
      arguments.insert(arguments.begin(), "mget");
      return Expect(Encode(arguments), OrFailure([this, keys](auto reply) { return AnswersMget(reply, keys); }), out);
    }
    case 5: {
      const std::string other = SharedKey();
      const std::string third = SharedKey();
      return Expect(Encode({"MSET", other, RandomValue(other), third, third + "=2"}),
                    OrFailure([](auto r) { return r == "+OK\r\n"; }), out);
    }
    case 6: {
      const std::string text = std::to_string(number()) + ":" + std::to_string(loop().Random(1'000'000));
      std::string wanted;
      wire::AppendBulk(text, &wanted);
      return Expect(
          Encode({"ECHO", text}), [wanted](auto reply) { return reply == wanted; }, out);
    }
    case 7:
      // A healthy node must not be taken for a sick one by what a client makes it say.
      return Expect(Encode({"EVAL", std::string(kForgingScript), "1", key}),
                    OrFailure([](auto reply) { return reply.starts_with("-CLUSTERDOWN "); }), out);
    default:
      return Expect(Encode({"DEL", SharedKey(), SharedKey(), SharedKey()}), OrFailure([](auto reply) {
                      const auto gone = wire::IntegerReply(reply);
                      return gone && *gone >= 0 && *gone <= 3;
                    }),
                    out);
  }
}

}  // namespace ringproxy::sim
