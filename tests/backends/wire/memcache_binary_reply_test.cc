#include "backends/wire/memcache_binary_reply.h"

#include <gtest/gtest.h>

#include "tests/backends/wire/binary_packets.h"
#include "tests/backends/wire/feed.h"

namespace ringproxy::wire {
namespace {

using test::BinaryAsked;
using test::BinaryTold;
using Status = ReplyFramer::FrameStatus;

TEST(MemcacheBinaryReply, FramesPacketsHoweverTheyAreCut) {
  const std::string stream = BinaryTold({.extras = "flag", .value = "value", .cas = 9}) +
                             BinaryTold({.value = "Not found", .status = 1}) + BinaryTold({.opcode = 0x0a});
  const std::vector<test::Frame> whole = test::Feed(test::MemcacheBinaryReplyCodec(), stream, {});
  ASSERT_EQ(whole.size(), 3U);
  EXPECT_EQ(whole.back().text, BinaryTold({.opcode = 0x0a}));
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    EXPECT_EQ(test::Feed(test::MemcacheBinaryReplyCodec(), stream, {cut}), whole) << cut;
  }
  EXPECT_EQ(test::Feed(test::MemcacheBinaryReplyCodec(), stream, test::EveryByte(stream.size())), whole);
}

// A server that speaks text alone says so, and one that has spoken binary never does.
TEST(MemcacheBinaryReply, TakesALineOfTextBeforeTheFirstPacketAlone) {
  MemcacheBinaryReplyFramer framer;
  ASSERT_EQ(framer.Frame("ERROR\r\nERROR\r\n"), Status::kReply);
  EXPECT_EQ(framer.size(), 7U);
  ASSERT_EQ(framer.Frame("CLIENT_ER"), Status::kNeedMore);
  EXPECT_EQ(framer.Frame(std::string(600, 'x')), Status::kBad);
  ASSERT_EQ(framer.Frame(BinaryTold({})), Status::kReply);
  EXPECT_EQ(framer.Frame("ERROR\r\n"), Status::kBad);
  framer.Reset();
  EXPECT_EQ(framer.Frame("ERROR\r\n"), Status::kReply);
}

TEST(MemcacheBinaryReply, RefusesWhatIsNoReply) {
  MemcacheBinaryReplyFramer framer;
  ASSERT_EQ(framer.Frame(BinaryTold({})), Status::kReply);
  EXPECT_EQ(framer.Frame(BinaryAsked({})), Status::kBad);
  EXPECT_EQ(framer.Frame(BinaryTold({.key = "key", .body = 2})), Status::kBad);
}

TEST(MemcacheBinaryReply, SkipsAPacketThatNobodyIsToGet) {
  const std::string packet = BinaryTold({.extras = "flag", .value = std::string(100, 'v')});
  MemcacheBinaryReplyFramer framer;
  ASSERT_EQ(framer.Frame(packet.substr(0, 10)), Status::kNeedMore);
  EXPECT_EQ(framer.Skip(), 0U);
  ASSERT_EQ(framer.Frame(packet.substr(0, 50)), Status::kNeedMore);
  EXPECT_EQ(framer.Skip(), packet.size());
  ASSERT_EQ(framer.Frame(""), Status::kReply);
  EXPECT_EQ(framer.size(), 0U);
  ASSERT_EQ(framer.Frame(BinaryTold({})), Status::kReply);
}

TEST(MemcacheBinaryReply, AServersTroubleIsAFaultAndAFullOneIsNone) {
  const MemcacheBinaryReplyFramer framer;
  for (const uint16_t status : {0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x20, 0x81, 0x82}) {
    EXPECT_EQ(framer.FaultOf(BinaryTold({.status = status})), Fault::kNone) << status;
  }
  for (const uint16_t status : {0x84, 0x85, 0x86})
    EXPECT_EQ(framer.FaultOf(BinaryTold({.status = status})), Fault::kSoft);
}

}  // namespace
}  // namespace ringproxy::wire
