#include "backends/wire/memcache_rewrite.h"

#include <gtest/gtest.h>

#include "backends/wire/memcache_binary_request.h"
#include "backends/wire/memcache_request.h"
#include "tests/backends/wire/binary_packets.h"

namespace ringproxy::wire {
namespace {

constexpr CasTag kNodeTag = MakeCasTag(0xabcdef0123456789);
constexpr ExpiryCap kMinute{std::chrono::seconds(60), std::chrono::sys_seconds(std::chrono::seconds(1'800'000'000))};

std::string TokenFor(std::string_view own) {
  std::string out;
  AppendRetagged(own, kNodeTag, &out);
  return out;
}

std::string Rewritten(const std::string& bytes, std::optional<ExpiryCap> cap) {
  MemcacheParser parser{Limits{}};
  MemcacheParser::Progress progress;
  EXPECT_EQ(parser.Parse(bytes, &progress), MemcacheParser::MemcacheStatus::kRequest) << bytes;
  std::string out = "before";
  AppendForNode(parser.request(), {parser.cas(), kNodeTag, cap}, &out);
  EXPECT_TRUE(out.starts_with("before"));
  return out.substr(6);
}

std::string Tagged(const std::string& bytes) {
  return Rewritten(bytes, std::nullopt);
}

std::string Capped(const std::string& bytes) {
  return Rewritten(bytes, kMinute);
}

TEST(MemcacheRewrite, TakesTheNodesTagOutOfTokens) {
  const std::string token = TokenFor("17");
  EXPECT_EQ(Tagged("cas k 1 2 3 " + token + " noreply\r\nabc\r\n"), "cas k 1 2 3 17\r\nabc\r\n");
  EXPECT_EQ(Tagged("mg k c v\r\n"), "mg k c v\r\n");
  EXPECT_EQ(Tagged("ms C1 3 C" + token + " q E" + token + " T0\r\nabc\r\n"), "ms C1 3 C17 E17 T0\r\nabc\r\n");
  EXPECT_EQ(Tagged("md k  C" + token + " I\n"), "md k C17 I\r\n");
  EXPECT_EQ(Tagged("md k Cx\r\n"), "md k Cx\r\n");
}

TEST(MemcacheRewrite, CapsTheExptimeOfEveryClassicCommand) {
  for (const char* name : {"set", "add", "replace", "append", "prepend"}) {
    EXPECT_EQ(Capped(std::string(name) + " k 7 0 2 noreply\r\nhi\r\n"), std::string(name) + " k 7 60 2\r\nhi\r\n");
    EXPECT_EQ(Capped(std::string(name) + " k 7 5 2\r\nhi\r\n"), std::string(name) + " k 7 5 2\r\nhi\r\n");
  }
  EXPECT_EQ(Capped("cas k 7 1800000002 2 " + TokenFor("9") + "\r\nhi\r\n"), "cas k 7 2 2 9\r\nhi\r\n");
  EXPECT_EQ(Capped("touch k 0\r\n"), "touch k 60\r\n");
  EXPECT_EQ(Capped("touch k 1799999999\r\n"), "touch k -1\r\n");
  EXPECT_EQ(Capped("gat 3600 k\r\n"), "gat 60 k\r\n");
  EXPECT_EQ(Capped("gats 10 k\r\n"), "gats 10 k\r\n");
}

TEST(MemcacheRewrite, LeavesCommandsWithoutAnExpiryAlone) {
  for (const char* line : {"get 0 0 0\r\n", "gets 0 0\r\n", "delete k\r\n", "delete k 0\r\n", "incr k 100000\r\n",
                           "decr k 100000\r\n", "me k\r\n", "md k I q\r\n"}) {
    const std::string whole(line);
    EXPECT_EQ(Capped(whole), whole.ends_with(" q\r\n") ? "md k I\r\n" : whole);
  }
}

TEST(MemcacheRewrite, CapsTheExpiriesOfMetaCommands) {
  EXPECT_EQ(Capped("ms k 2\r\nhi\r\n"), "ms k 2 T60\r\nhi\r\n");
  EXPECT_EQ(Capped("ms k 2 T0 c\r\nhi\r\n"), "ms k 2 T60 c\r\nhi\r\n");
  EXPECT_EQ(Capped("ms k 2 T5\r\nhi\r\n"), "ms k 2 T5\r\nhi\r\n");
  EXPECT_EQ(Capped("ms k 2 MA\r\nhi\r\n"), "ms k 2 MA\r\nhi\r\n");
  EXPECT_EQ(Capped("ms k 2 Mp N0\r\nhi\r\n"), "ms k 2 Mp N60\r\nhi\r\n");
  EXPECT_EQ(Capped("ms k 2 ME\r\nhi\r\n"), "ms k 2 ME T60\r\nhi\r\n");
  EXPECT_EQ(Capped("mg k v T0 N3600\r\n"), "mg k v T60 N60\r\n");
  EXPECT_EQ(Capped("mg k v\r\n"), "mg k v\r\n");
  EXPECT_EQ(Capped("ma k N0 J5 T1800000003\r\n"), "ma k N60 J5 T3\r\n");
  EXPECT_EQ(Capped("md k I T3600\r\n"), "md k I T60\r\n");
}

struct PacketExpiry {
  uint8_t opcode;
  uint32_t expiry;
  uint32_t capped;
};

TEST(MemcacheRewrite, CapsTheExpiryOfAPacketAndChangesNothingElse) {
  constexpr uint32_t kNow = 1'800'000'000;
  const ExpiryCap cap{std::chrono::seconds(60), std::chrono::sys_seconds(std::chrono::seconds(kNow))};
  constexpr uint8_t kSet = 0x01, kIncr = 0x05, kTouch = 0x1c;
  const PacketExpiry cases[] = {
      {kSet, 0, 60},          {kSet, 30, 30},         {kSet, 61, 60},
      {kSet, kNow + 10, 10},  {kSet, kNow + 100, 60}, {kSet, kNow - 1, kNow - 1},
      {kSet, UINT32_MAX, 60}, {kIncr, 0, 60},         {kIncr, UINT32_MAX, UINT32_MAX},
      {kTouch, 0, 60},
  };
  for (const PacketExpiry& c : cases) {
    const std::string before(c.opcode == kSet ? 4 : c.opcode == kIncr ? 16 : 0, '\7');
    const auto packet = [&](uint32_t expiry) {
      return test::BinaryAsked({.opcode = c.opcode,
                                .key = "k",
                                .extras = before + test::BigEndian(expiry, 4),
                                .value = c.opcode == kSet ? "value" : "",
                                .opaque = 7,
                                .cas = 9});
    };
    const std::string asked = packet(c.expiry);
    const Limits limits;
    MemcacheBinaryParser parser(limits);
    ASSERT_EQ(parser.Parse(asked), MemcacheBinaryParser::BinaryFraming::kRequest);
    std::string capped = "before";
    AppendForNode(parser.request(), {.cap = cap}, &capped);
    EXPECT_EQ(capped, "before" + packet(c.capped)) << int{c.opcode} << " " << c.expiry;
    std::string same;
    AppendForNode(parser.request(), {}, &same);
    EXPECT_EQ(same, asked);
  }
}

}  // namespace
}  // namespace ringproxy::wire
