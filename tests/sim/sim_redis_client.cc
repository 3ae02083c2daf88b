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
  if (wire::IsNil(element)) {
    const bool is_resp3 = element == "_\r\n";
    return is_resp3 == (flavour_.protocol == 3) && own().MayHold(key, std::nullopt);
  }
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

SimRedisClient::SimRedisClient(SimLoop& loop, uint32_t number, Consistency consistency, backends::Flavour flavour,
                               bool is_crowded)
    : SimClient(loop, number, consistency, std::make_unique<wire::RespReplyFramer>()),
      flavour_(flavour),
      is_crowded_(is_crowded) {}

bool SimRedisClient::MayFailWell(std::string_view reply) const {
  return is_crowded_ && !flavour_.is_plain() &&
         (reply.starts_with(kNoPlaceForFlavour) || reply.starts_with("-TIMEOUT "));
}

void SimRedisClient::SendRefused(std::string* out) {
  const bool reads = loop().Chance(0.5);
  const std::string key = RandomKey();
  Expect(reads ? Encode({"GET", key}) : Encode({"SET", key, key + "=lost"}),
         OrFailure([](auto reply) { return reply == "-ERR DB index is out of range\r\n"; }), out);
}

bool SimRedisClient::IsNodeFailure(std::string_view reply) const {
  static constexpr std::string_view kFailures[] = {"-NODEDOWN ",    "-TIMEOUT ", "-OVERLOADED ",
                                                   "-RATELIMITED ", "-LOADING ", "-MASTERDOWN ",
                                                   "-BUSY ",        "-OOM ",     kNoPlaceForFlavour};
  return std::ranges::any_of(kFailures, [&](std::string_view failure) { return reply.starts_with(failure); });
}

void SimRedisClient::SendQuit(std::string* out) {
  Expect(
      Encode({"QUIT"}), [](auto reply) { return reply == "+OK\r\n"; }, out);
}

// What it writes first it reads then, whatever else is under way; and where it reads that nothing was executed, nothing
// was.
void SimRedisClient::SendTransaction(std::string* out) {
  // Its own, or one that so many write at once that whatever comes between shows.
  const std::string key = loop().Chance(0.4) ? own().Random() : "key:0";
  const std::string value = RandomValue(key);
  const auto is_queued = [](auto reply) { return reply == "+QUEUED\r\n"; };
  Expect(
      Encode({"MULTI"}), [](auto reply) { return reply == "+OK\r\n"; }, out);
  Expect(Encode({"SET", key, value}), is_queued, out);
  Expect(Encode({"GET", key}), is_queued, out);
  std::string whole = "*2\r\n+OK\r\n";
  wire::AppendBulk(value, &whole);
  Expect(
      Encode({"EXEC"}),
      [this, key, value, whole](auto reply) {
        if (reply == whole) {
          own().Holds(key, value);
          return true;
        }
        constexpr std::string_view kDiscarded = "-EXECABORT Transaction discarded because of: ";
        if (reply.starts_with(kDiscarded)) {
          const std::string reason = "-" + std::string(reply.substr(kDiscarded.size()));
          return !all_is_well() || reason.starts_with("-RATELIMITED ") || MayFailWell(reason);
        }
        own().Unknown(key);
        // It may have left just before its time was over, having waited for its link.
        const bool may_be_late = !all_is_well() || MayFailWell("-TIMEOUT ");
        return may_be_late && reply.starts_with("-ERR transaction sent to ");
      },
      out);
}

void SimRedisClient::SendRandomCommand(std::string* out) {
  if (flavour_.database >= kSimDatabases) return SendRefused(out);
  const std::string key = RandomKey();
  const std::string value = RandomValue(key);
  switch (loop().Random(10)) {
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
    case 8: return SendTransaction(out);
    default:
      return Expect(Encode({"DEL", SharedKey(), SharedKey(), SharedKey()}), OrFailure([](auto reply) {
                      const auto gone = wire::IntegerReply(reply);
                      return gone && *gone >= 0 && *gone <= 3;
                    }),
                    out);
  }
}

}  // namespace ringproxy::sim
