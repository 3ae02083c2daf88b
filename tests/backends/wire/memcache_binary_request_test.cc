#include "backends/wire/memcache_binary_request.h"

#include <gtest/gtest.h>

#include "tests/backends/wire/binary_packets.h"
#include "tests/backends/wire/feed.h"

namespace ringproxy::wire {
namespace {

using test::BinaryAsked;
using test::Packet;
using Framing = MemcacheBinaryParser::BinaryFraming;

const std::string kEight(8, '\1');
const std::string kFour(4, '\1');
const std::string kTwenty(20, '\1');

Framing Parse(const std::string& bytes, BinaryStatus* status, Limits limits = {}) {
  MemcacheBinaryParser parser(limits);
  const Framing framing = parser.Parse(bytes);
  *status = parser.status();
  return framing;
}

TEST(MemcacheBinaryRequest, FramesAPacketAndItsParts) {
  const std::string packet =
      BinaryAsked({.opcode = 1, .key = "key", .extras = kEight, .value = "value", .opaque = 9, .cas = 5});
  const Limits limits;
  MemcacheBinaryParser parser(limits);
  const std::string stream = packet + "next";
  ASSERT_EQ(parser.Parse(stream), Framing::kRequest);
  EXPECT_EQ(parser.size(), packet.size());
  EXPECT_EQ(parser.key(), "key");
  EXPECT_EQ(parser.extras(), kEight);
  EXPECT_EQ(parser.value_bytes(), 5U);
  EXPECT_EQ(parser.header().cas, 5U);
  EXPECT_EQ(parser.name().opaque, 9U);
  EXPECT_EQ(parser.request().encoded(), packet);
  ASSERT_EQ(parser.request().size(), 2U);
  EXPECT_EQ(parser.request()[1], "key");
}

struct FormCase {
  const char* what;
  Packet packet;
  Framing framing;
  BinaryStatus status = BinaryStatus::kSuccess;
};

// As memcached 1.6.18 answers them: what it closes on is bad.
TEST(MemcacheBinaryRequest, JudgesFormsAsTheServerDoes) {
  using enum MemcacheBinaryParser::BinaryFraming;
  using enum BinaryStatus;
  const FormCase cases[] = {
      {"get", {.opcode = 0, .key = "k"}, kRequest},
      {"get without a key", {.opcode = 0}, kBad, kInvalid},
      {"get with extras", {.opcode = 0, .key = "k", .extras = kFour}, kBad, kInvalid},
      {"get with a value", {.opcode = 0, .key = "k", .value = "v"}, kBad, kInvalid},
      {"a key of 250", {.opcode = 0, .key = std::string(250, 'k')}, kRequest},
      {"a key of 251", {.opcode = 0, .key = std::string(251, 'k')}, kBad, kInvalid},
      {"a set's key of 251", {.opcode = 1, .key = std::string(251, 'k'), .extras = kEight}, kBad, kInvalid},
      {"a key beyond the body", {.opcode = 0, .key = "key", .body = 2}, kBad, kUnknownCommand},
      {"set", {.opcode = 1, .key = "k", .extras = kEight, .value = "v"}, kRequest},
      {"set of nothing", {.opcode = 1, .key = "k", .extras = kEight}, kRequest},
      {"set with short extras", {.opcode = 1, .key = "k", .extras = kFour, .value = "v"}, kBad, kInvalid},
      {"set without a key", {.opcode = 1, .extras = kEight, .value = "v"}, kBad, kInvalid},
      {"append", {.opcode = 0x0e, .key = "k", .value = "v"}, kRequest},
      {"append with extras", {.opcode = 0x0e, .key = "k", .extras = kFour, .value = "v"}, kBad, kInvalid},
      {"delete", {.opcode = 4, .key = "k"}, kRequest},
      {"delete with extras", {.opcode = 4, .key = "k", .extras = kFour}, kBad, kInvalid},
      {"incr", {.opcode = 5, .key = "k", .extras = kTwenty}, kRequest},
      {"incr with short extras", {.opcode = 5, .key = "k", .extras = kEight}, kBad, kInvalid},
      {"touch", {.opcode = 0x1c, .key = "k", .extras = kFour}, kRequest},
      {"touch without extras", {.opcode = 0x1c, .key = "k"}, kBad, kInvalid},
      // The server reads the rest as the next packet.
      {"touch with a value", {.opcode = 0x1c, .key = "k", .extras = kFour, .value = "v"}, kBad, kInvalid},
      {"noop", {.opcode = 0x0a}, kRequest},
      {"noop with a body", {.opcode = 0x0a, .value = "v"}, kBad, kInvalid},
      {"version with a key", {.opcode = 0x0b, .key = "k"}, kBad, kInvalid},
      {"quit", {.opcode = 7}, kRequest},
      {"quit with a key", {.opcode = 7, .key = "k"}, kBad, kInvalid},
      {"flush", {.opcode = 8}, kRequest},
      {"flush later", {.opcode = 8, .extras = kFour}, kRequest},
      {"flush with a key", {.opcode = 8, .key = "k"}, kBad, kInvalid},
      {"stat", {.opcode = 0x10}, kRequest},
      {"stat of a group", {.opcode = 0x10, .key = "items"}, kRequest},
      {"stat with extras", {.opcode = 0x10, .extras = kFour}, kBad, kInvalid},
      {"unknown", {.opcode = 0x40, .key = "k", .extras = kFour, .value = "v"}, kRefused, kUnknownCommand},
      {"sasl", {.opcode = 0x21, .key = "PLAIN", .value = "v"}, kRefused, kUnknownCommand},
  };
  for (const FormCase& c : cases) {
    BinaryStatus status{};
    EXPECT_EQ(Parse(BinaryAsked(c.packet), &status), c.framing) << c.what;
    EXPECT_EQ(status, c.status) << c.what;
  }
}

TEST(MemcacheBinaryRequest, AnotherMagicIsNoPacket) {
  for (const std::string bytes : {"get k\r\n", "\x81", "\r\n"}) {
    BinaryStatus status{};
    EXPECT_EQ(Parse(bytes, &status), Framing::kBad);
    EXPECT_EQ(status, BinaryStatus::kSuccess);
  }
}

TEST(MemcacheBinaryRequest, ALengthIsJudgedByTheHeaderAlone) {
  BinaryStatus status{};
  const std::string bad = BinaryAsked({.opcode = 0, .key = "k", .body = UINT32_MAX});
  EXPECT_EQ(Parse(bad.substr(0, 24), &status), Framing::kBad);
  const Limits limits;
  MemcacheBinaryParser parser(limits);
  ASSERT_EQ(parser.Parse(BinaryAsked({.opcode = 0, .key = "key"}).substr(0, 24)), Framing::kNeedMore);
  EXPECT_EQ(parser.needed(), 27U);
}

// semantics.md 30: it names its key, so what it was to replace can be dropped, and its value is known by its size.
TEST(MemcacheBinaryRequest, RefusesAValueBeyondTheLimitsOnceItsKeyIsHere) {
  const std::string packet = BinaryAsked({.opcode = 1, .key = "key", .extras = kEight, .body = 11 + 41});
  const Limits limits{.request_bytes = 100, .bulk_bytes = 40};
  MemcacheBinaryParser parser(limits);
  ASSERT_EQ(parser.Parse(packet.substr(0, 30)), Framing::kNeedMore);
  EXPECT_FALSE(parser.has_key());
  EXPECT_EQ(parser.needed(), packet.size());
  ASSERT_EQ(parser.Parse(packet), Framing::kRefused);
  EXPECT_EQ(parser.status(), BinaryStatus::kTooLarge);
  EXPECT_EQ(parser.key(), "key");
  EXPECT_EQ(parser.swallow(), 41U);
  // memcached takes a size beyond 2^31 for a negative one, and closes.
  ASSERT_EQ(parser.Parse(BinaryAsked({.opcode = 1, .key = "key", .extras = kEight, .body = UINT32_MAX})),
            Framing::kRefused);
  EXPECT_EQ(parser.swallow(), UINT32_MAX - 11U);
}

TEST(MemcacheBinaryRequest, CutsDoNotMatter) {
  std::string stream = BinaryAsked({.opcode = 1, .key = "key", .extras = kEight, .value = "value"}) +
                       BinaryAsked({.opcode = 0x40, .value = "unknown"});
  const std::string behind = BinaryAsked({.opcode = 0x0d, .key = "a"}) + BinaryAsked({.opcode = 0x0a}) +
                             BinaryAsked({.opcode = 5, .key = "n", .extras = kTwenty}) + "get k\r\n";
  const std::vector<test::Frame> whole = test::Feed(test::MemcacheBinaryRequestCodec({}), behind, {});
  ASSERT_EQ(whole.size(), 4U);
  EXPECT_EQ(whole.back().kind, "bad");
  for (const std::string& bytes : {stream, behind}) {
    const std::vector<test::Frame> uncut = test::Feed(test::MemcacheBinaryRequestCodec({}), bytes, {});
    EXPECT_EQ(test::Feed(test::MemcacheBinaryRequestCodec({}), bytes, test::EveryByte(bytes.size())), uncut);
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      EXPECT_EQ(test::Feed(test::MemcacheBinaryRequestCodec({}), bytes, {cut}), uncut) << cut;
    }
  }
}

}  // namespace
}  // namespace ringproxy::wire
