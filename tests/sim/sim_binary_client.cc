#include "tests/sim/sim_binary_client.h"

#include <cstdlib>

#include "backends/wire/memcache_binary_reply.h"
#include "tests/sim/sim_memcache_client.h"

namespace ringproxy::sim {
namespace {

using test::BinaryAsked;
using test::Packet;

constexpr uint8_t kGet = 0x00, kSet = 0x01, kAdd = 0x02, kDelete = 0x04, kIncr = 0x05, kQuit = 0x07, kNoop = 0x0a,
                  kVersion = 0x0b, kGetK = 0x0c, kGetKQ = 0x0d, kStat = 0x10, kSetQ = 0x11, kDeleteQ = 0x14,
                  kQuitQ = 0x17, kGat = 0x1d, kNone = 0x40;
constexpr uint16_t kDone = 0, kNotFound = 1, kExists = 2, kTooLarge = 3, kUnknown = 0x81, kBusy = 0x85;
constexpr uint64_t kCounterStep = 1'000'000'000;  // As SimMemcacheClient's.

wire::BinaryHeader HeaderOf(std::string_view reply) {
  return reply.size() >= wire::kBinaryHeaderBytes ? wire::ReadBinaryHeader(reply) : wire::BinaryHeader{};
}

std::string_view ValueOf(std::string_view reply) {
  if (reply.size() < wire::kBinaryHeaderBytes) return {};
  const wire::BinaryHeader header = HeaderOf(reply);
  return reply.substr(wire::kBinaryHeaderBytes + header.extras_bytes + header.key_bytes);
}

}  // namespace

SimBinaryClient::SimBinaryClient(SimLoop& loop, uint32_t number, Consistency consistency)
    : SimClient(loop, number, consistency, std::make_unique<wire::MemcacheBinaryReplyFramer>()) {}

bool SimBinaryClient::IsNodeFailure(std::string_view reply) const {
  const uint16_t status = HeaderOf(reply).status;
  return status == 0x82 || (status >= 0x84 && status <= 0x86);
}

bool SimBinaryClient::MayFailWell(std::string_view reply) const {
  return HeaderOf(reply).status == kBusy && ValueOf(reply) == "rate limited";
}

Packet SimBinaryClient::Asking(uint8_t opcode, const std::string& key) {
  return {.opcode = opcode, .key = key, .opaque = number() << 24 | next_opaque_++};
}

Packet SimBinaryClient::Storing(uint8_t opcode, const std::string& key, const std::string& value) {
  Packet packet = Asking(opcode, key);
  packet.extras = std::string(8, '\0');
  packet.value = value;
  return packet;
}

bool SimBinaryClient::Answers(std::string_view reply, const Packet& asked, uint16_t status) {
  const wire::BinaryHeader header = HeaderOf(reply);
  return header.magic == 0x81 && header.opcode == asked.opcode && header.opaque == asked.opaque &&
         header.status == status;
}

bool SimBinaryClient::IsHit(std::string_view reply, const Packet& asked) {
  if (!Answers(reply, asked, kDone) || ValueOf(reply).substr(0, asked.key.size() + 1) != asked.key + "=") return false;
  tokens_[asked.key] = HeaderOf(reply).cas;
  return own().MayHold(asked.key, ValueOf(reply));
}

void SimBinaryClient::SendQuit(std::string* out) {
  if (loop().Chance(0.5)) {
    *out += BinaryAsked(Asking(kQuitQ, ""));
    return;
  }
  const Packet quit = Asking(kQuit, "");
  Expect(
      BinaryAsked(quit), [quit](auto reply) { return Answers(reply, quit, kDone); }, out);
}

void SimBinaryClient::SendRandomCommand(std::string* out) {
  using Sender = void (SimBinaryClient::*)(std::string*);
  static constexpr Sender kSenders[] = {
      &SimBinaryClient::SendSet,     &SimBinaryClient::SendSet,        &SimBinaryClient::SendGet,
      &SimBinaryClient::SendGet,     &SimBinaryClient::SendDelete,     &SimBinaryClient::SendCas,
      &SimBinaryClient::SendCounter, &SimBinaryClient::SendQuietGroup, &SimBinaryClient::SendQuietGroup,
      &SimBinaryClient::SendUnkeyed, &SimBinaryClient::SendRefused,
  };
  (this->*kSenders[loop().Random(std::size(kSenders))])(out);
}

void SimBinaryClient::SendSet(std::string* out) {
  const std::string key = RandomKey();
  const std::string value = RandomValue(key);
  const Packet set = Storing(kSet, key, value);
  Expect(BinaryAsked(set),
         OrLost(key,
                [this, set](auto reply) {
                  own().Holds(set.key, set.value);
                  return Answers(reply, set, kDone);
                }),
         out);
}

void SimBinaryClient::SendGet(std::string* out) {
  static constexpr uint8_t kOpcodes[] = {kGet, kGet, kGetK, kGat};
  Packet get = Asking(kOpcodes[loop().Random(std::size(kOpcodes))], RandomKey());
  if (get.opcode == kGat) get.extras = std::string(4, '\0');
  Expect(BinaryAsked(get), OrFailure([this, get](auto reply) {
           if (Answers(reply, get, kNotFound)) return own().MayHold(get.key, std::nullopt);
           return IsHit(reply, get);
         }),
         out);
}

void SimBinaryClient::SendDelete(std::string* out) {
  const Packet drop = Asking(kDelete, RandomKey());
  Expect(BinaryAsked(drop),
         OrLost(drop.key,
                [this, drop](auto reply) {
                  const bool right = Answers(reply, drop, kDone)
                                         ? own().MayExist(drop.key)
                                         : Answers(reply, drop, kNotFound) && own().MayHold(drop.key, std::nullopt);
                  own().Gone(drop.key);
                  return right;
                }),
         out);
}

// With the last token that it has seen of a key; whether that is one of this key's node is for the node to say.
void SimBinaryClient::SendCas(std::string* out) {
  if (tokens_.empty()) return SendGet(out);
  const auto token = std::next(tokens_.begin(), static_cast<ptrdiff_t>(loop().Random(tokens_.size())));
  Packet set = Storing(kSet, token->first, RandomValue(token->first));
  set.cas = token->second;
  Expect(BinaryAsked(set),
         OrLost(set.key,
                [this, set](auto reply) {
                  if (Answers(reply, set, kDone)) own().Holds(set.key, set.value);
                  return Answers(reply, set, kDone) || Answers(reply, set, kExists) || Answers(reply, set, kNotFound);
                }),
         out);
}

void SimBinaryClient::SendCounter(std::string* out) {
  const uint64_t number = 1 + loop().Random(20);
  const std::string key = "count:" + std::to_string(number);
  if (loop().Chance(0.3)) {
    const Packet add = Storing(kAdd, key, std::to_string(number * kCounterStep));
    return Expect(BinaryAsked(add),
                  OrFailure([add](auto reply) { return Answers(reply, add, kDone) || Answers(reply, add, kExists); }),
                  out);
  }
  Packet incr = Asking(kIncr, key);
  // Not created.
  incr.extras = test::BigEndian(1, 8) + test::BigEndian(0, 8) + std::string(4, '\xff');
  Expect(BinaryAsked(incr), OrFailure([incr, number](auto reply) {
           if (Answers(reply, incr, kNotFound)) return true;
           uint64_t count = 0;
           for (const char c : ValueOf(reply)) count = count << 8 | static_cast<unsigned char>(c);
           return Answers(reply, incr, kDone) && count / kCounterStep == number;
         }),
         out);
}

void SimBinaryClient::SendQuietGroup(std::string* out) {
  for (size_t i = 1 + loop().Random(6); i > 0; --i) {
    if (loop().Chance(0.4)) {
      SendQuietWrite(out);
      continue;
    }
    const Packet get = Asking(kGetKQ, RandomKey());
    ExpectPerhaps(
        BinaryAsked(get), [this, get](auto reply) { return IsHit(reply, get); },
        [this, get](bool) { return own().MayHold(get.key, std::nullopt); }, out);
  }
  const Packet noop = Asking(kNoop, "");
  Expect(
      BinaryAsked(noop), [noop](auto reply) { return Answers(reply, noop, kDone); }, out);
}

void SimBinaryClient::SendQuietWrite(std::string* out) {
  const std::string key = RandomKey();
  if (loop().Chance(0.4)) {
    const Packet drop = Asking(kDeleteQ, key);
    return ExpectPerhaps(
        BinaryAsked(drop),
        [this, drop](auto reply) { return Answers(reply, drop, kNotFound) && own().MayHold(drop.key, std::nullopt); },
        [this, key](bool any_failed) {
          const bool right = own().MayExist(key);
          any_failed ? own().Unknown(key) : own().Gone(key);
          return right;
        },
        out);
  }
  const std::string value = RandomValue(key);
  ExpectPerhaps(
      BinaryAsked(Storing(kSetQ, key, value)), [](std::string_view) { return false; },
      [this, key, value](bool any_failed) {
        any_failed ? own().Unknown(key) : own().Holds(key, value);
        return true;
      },
      out);
}

void SimBinaryClient::SendUnkeyed(std::string* out) {
  const uint64_t which = loop().Random(3);
  const Packet packet = which == 0 ? Asking(kVersion, "") : which == 1 ? Asking(kStat, "reset") : Asking(kNoop, "");
  const Check check = [packet](auto reply) { return Answers(reply, packet, kDone); };
  Expect(BinaryAsked(packet), which < 2 ? OrFailure(check) : check, out);
}

void SimBinaryClient::SendRefused(std::string* out) {
  // Whoever reads the body as packets answers too much.
  std::string body;
  for (size_t i = 1 + loop().Random(30); i > 0; --i) body += BinaryAsked({.opcode = kGet, .key = "key:1"});
  if (loop().Chance(0.7)) {
    Packet unknown = Asking(kNone, "");
    unknown.value = body;
    return Expect(
        BinaryAsked(unknown), [unknown](auto reply) { return Answers(reply, unknown, kUnknown); }, out);
  }
  if (loop().Chance(0.7)) return SendGet(out);  // So long a value is to be rare.
  while (body.size() <= kLargestValue) body += body;
  const Packet set = Storing(kSet, SharedKey(), body);
  // The node is asked to drop the item that it was to replace, and may fail.
  Expect(BinaryAsked(set), OrFailure([set](auto reply) { return Answers(reply, set, kTooLarge); }), out);
}

std::unique_ptr<SimClient> NewMemcacheClient(SimLoop& loop, uint32_t number, Consistency consistency) {
  // Those of memcached have every second number.
  constexpr uint32_t kTurn = 6;
  if (number % kTurn == kTurn - 1) return std::make_unique<SimBinaryClient>(loop, number, consistency);
  return std::make_unique<SimMemcacheClient>(loop, number, consistency);
}

}  // namespace ringproxy::sim
