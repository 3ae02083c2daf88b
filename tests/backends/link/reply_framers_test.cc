#include "backends/link/reply_framers.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using FrameStatus = wire::ReplyFramer::FrameStatus;

TEST(ReplyFramers, CutEachProtocolsRepliesInItsOwnWay) {
  // To the one a reply of 11 bytes, to the other nothing that a server says.
  const auto redis = NewReplyFramer(conf::Protocol::kRedis);
  const auto memcached = NewReplyFramer(conf::Protocol::kMemcached);
  EXPECT_EQ(redis->Frame("$5\r\nhello\r\n+OK\r\n"), FrameStatus::kReply);
  EXPECT_EQ(redis->size(), 11U);
  EXPECT_EQ(memcached->Frame("VALUE k 0 1\r\nv\r\nEND\r\nMN\r\n"), FrameStatus::kReply);
  EXPECT_EQ(memcached->size(), 21U);
  EXPECT_EQ(NewReplyFramer(conf::Protocol::kRedis)->Frame("VALUE k 0 1\r\n"), FrameStatus::kBad);
  EXPECT_EQ(NewReplyFramer(conf::Protocol::kMemcached)->Frame("VALUE k 0 1\r\n"), FrameStatus::kNeedMore);
}

TEST(ReplyFramers, TakePacketsOfTheBinaryFlavour) {
  const std::string packet = '\x81' + std::string(23, '\0');
  const auto binary = NewReplyFramer(conf::Protocol::kMemcached, {.database = 0, .protocol = Flavour::kBinary});
  EXPECT_EQ(binary->Frame(packet + "next"), FrameStatus::kReply);
  EXPECT_EQ(binary->size(), 24U);
  EXPECT_EQ(NewReplyFramer(conf::Protocol::kMemcached)->Frame(packet), FrameStatus::kNeedMore);
}

}  // namespace
}  // namespace ringproxy::backends
