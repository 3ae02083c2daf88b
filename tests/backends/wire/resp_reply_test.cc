#include "backends/wire/resp_reply.h"

#include <gtest/gtest.h>

#include "tests/backends/wire/feed.h"
#include "tests/support/counting_allocator.h"

namespace ringproxy::wire {
namespace {

using namespace std::literals;
using test::Frame;
using FrameStatus = ReplyFramer::FrameStatus;

std::vector<Frame> FeedReplies(std::string_view stream) {
  return test::Feed(test::ReplyCodec(), stream, {});
}

bool IsOneReply(std::string_view stream) {
  const std::vector<Frame> frames = FeedReplies(stream);
  return frames.size() == 1 && frames[0].kind == "reply" && frames[0].end == stream.size();
}

TEST(ReplyFramer, FramesEveryTypeOfResp2) {
  for (const std::string_view reply :
       {"+OK\r\n"sv, "+\r\n"sv, "-ERR no\r\n"sv, ":0\r\n"sv, ":-9223372036854775808\r\n"sv, "$0\r\n\r\n"sv,
        "$4\r\n\r\n\0\xff\r\n"sv, "$-1\r\n"sv, "*0\r\n"sv, "*-1\r\n"sv, "*2\r\n$1\r\na\r\n$-1\r\n"sv,
        "*3\r\n:1\r\n*2\r\n+a\r\n*0\r\n-ERR x\r\n"sv}) {
    EXPECT_TRUE(IsOneReply(reply)) << reply;
  }
}

TEST(ReplyFramer, FramesEveryTypeOfResp3) {
  for (const std::string_view reply :
       {"_\r\n"sv, "#t\r\n"sv, ",1.5e3\r\n"sv, ",inf\r\n"sv, "(123456789012345678901234567890\r\n"sv,
        "!5\r\nERR x\r\n"sv, "=7\r\ntxt:abc\r\n"sv, "%1\r\n+k\r\n*1\r\n:1\r\n"sv, "%0\r\n"sv, "~2\r\n:1\r\n:2\r\n"sv,
        "|1\r\n+ttl\r\n:3\r\n*1\r\n+value\r\n"sv}) {
    EXPECT_TRUE(IsOneReply(reply)) << reply;
  }
}

TEST(ReplyFramer, FramesAPipelineInOrder) {
  const std::vector<Frame> frames = FeedReplies("+OK\r\n$3\r\nabc\r\n*1\r\n:7\r\n$-1\r\n");
  ASSERT_EQ(frames.size(), 4U);
  EXPECT_EQ(frames[0].text, "+OK\r\n");
  EXPECT_EQ(frames[1].text, "$3\r\nabc\r\n");
  EXPECT_EQ(frames[2].text, "*1\r\n:7\r\n");
  EXPECT_EQ(frames[3].text, "$-1\r\n");
}

// semantics.md 30: numbers that overflow, are negative or are none never become a size.
TEST(ReplyFramer, RefusesWhatIsNoReply) {
  for (const std::string_view stream : {"x\r\n"sv,
                                        "\r\n"sv,
                                        "\0"sv,
                                        "HTTP/1.1 200 OK\r\n"sv,
                                        "VALUE k 0 1\r\n"sv,
                                        "$-2\r\n"sv,
                                        "$+1\r\n"sv,
                                        "$01\r\n"sv,
                                        "$\r\n"sv,
                                        "$1x\r\n"sv,
                                        "$ 1\r\n"sv,
                                        "!?\r\n"sv,
                                        "=?\r\n"sv,
                                        "$?\r\n$1\r\na\r\n"sv,
                                        "$?\r\n;?\r\n"sv,
                                        "$?\r\n;-1\r\n"sv,
                                        "$?\r\n;1\r\nabc"sv,
                                        "$?\r\n.\r\n"sv,
                                        ";1\r\na\r\n"sv,
                                        ".\r\n"sv,
                                        "*?\r\n.xy"sv,
                                        "*?\r\n.\rx"sv,
                                        "*1\r\n.\r\n"sv,
                                        "*?\r\n|1\r\n+k\r\n+v\r\n.\r\n"sv,
                                        "*?\r\n*1\r\n.\r\n"sv,
                                        "*-2\r\n"sv,
                                        "*x\r\n"sv,
                                        "%-1\r\n"sv,
                                        "!-1\r\n"sv,
                                        "$-1\rx"sv,
                                        "$1\rxa\r\n"sv,
                                        "$1\r\nabc"sv,
                                        "$1\r\na\rx"sv,
                                        "+OK\rx"sv,
                                        "$1099511627777\r\n"sv,
                                        "*1099511627777\r\n"sv,
                                        "$18446744073709551617\r\n"sv,
                                        "%1099511627776\r\n"sv,
                                        "$11111111111111111111111111111111111"sv,
                                        "*2\r\n+a\r\nb\r\n"sv}) {
    const std::vector<Frame> frames = FeedReplies(stream);
    ASSERT_EQ(frames.size(), 1U) << stream;
    EXPECT_EQ(frames[0].kind, "bad") << stream;
  }
}

TEST(ReplyFramer, FollowsAnyDepthWithoutMemory) {
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "*1\r\n";
  deep += ":1\r\n";
  RespReplyFramer framer;
  const test::AllocationCounter counter;
  EXPECT_EQ(framer.Frame(deep), FrameStatus::kReply);
  EXPECT_EQ(framer.size(), deep.size());
  EXPECT_EQ(counter.count(), 0U);
}

TEST(ReplyFramer, TellsHowManyBytesALargeBulkNeeds) {
  RespReplyFramer framer;
  EXPECT_EQ(framer.Frame("*2\r\n:1\r\n$1048576\r\nxxx"), FrameStatus::kNeedMore);
  EXPECT_EQ(framer.bytes_needed(), 8U + 10U + 1048576U + 2U);
}

TEST(ReplyFramer, StartsAnewAfterEveryVerdictAndAfterReset) {
  RespReplyFramer framer;
  EXPECT_EQ(framer.Frame("x"), FrameStatus::kBad);
  EXPECT_EQ(framer.Frame("+OK\r\n"), FrameStatus::kReply);
  EXPECT_EQ(framer.Frame("*2\r\n:1\r\n"), FrameStatus::kNeedMore);
  framer.Reset();
  EXPECT_EQ(framer.Frame(":1\r\n"), FrameStatus::kReply);
  EXPECT_EQ(framer.size(), 4U);
}

TEST(ReplyFramer, FramesStreamedValues) {
  for (const std::string_view reply : {
           "$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n"sv,
           "$?\r\n;0\r\n"sv,
           "*?\r\n:1\r\n:2\r\n:3\r\n.\r\n"sv,
           "*?\r\n.\r\n"sv,
           "%?\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n.\r\n"sv,
           "~?\r\n+a\r\n.\r\n"sv,
           "*3\r\n:1\r\n*?\r\n$?\r\n;1\r\na\r\n;0\r\n*?\r\n.\r\n.\r\n:3\r\n"sv,
           "|?\r\n+k\r\n*2\r\n:1\r\n:2\r\n.\r\n+value\r\n"sv,
           "*?\r\n|1\r\n+k\r\n+v\r\n:1\r\n.\r\n"sv,
       }) {
    EXPECT_TRUE(IsOneReply(reply)) << reply;
    const std::vector<Frame> followed = FeedReplies(std::string(reply) + "+OK\r\n");
    EXPECT_TRUE(followed.size() == 2 && followed[1].text == "+OK\r\n") << reply;
  }
  const auto nested = [](int depth) {
    std::string bytes;
    for (int i = 0; i < depth; ++i) bytes += "*?\r\n";
    for (int i = 0; i < depth; ++i) bytes += ".\r\n";
    return FeedReplies(bytes).front().kind;
  };
  EXPECT_EQ(nested(8), "reply");
  EXPECT_EQ(nested(9), "bad");  // A bound, since each needs memory.
}

TEST(ReplyFramer, TellsAPushFromAReply) {
  for (const std::string_view push : {">2\r\n+message\r\n+x\r\n"sv, ">0\r\n"sv, ">1\r\n*1\r\n>1\r\n+x\r\n:1\r\n"sv,
                                      "|1\r\n+ttl\r\n:3\r\n>1\r\n+x\r\n"sv, "|1\r\n+k\r\n*1\r\n:1\r\n>1\r\n+x\r\n"sv,
                                      ">?\r\n+a\r\n.\r\n"sv, "|?\r\n+k\r\n+v\r\n.\r\n>?\r\n.\r\n"sv}) {
    const std::vector<Frame> frames = FeedReplies(std::string(push) + "+OK\r\n");
    ASSERT_EQ(frames.size(), 2U) << push;
    EXPECT_EQ(frames[0].kind, "push") << push;
    EXPECT_EQ(frames[0].text, push);
    EXPECT_EQ(frames[1].kind, "reply") << push;
  }
}

TEST(ReplyFramer, KnowsAPushByItsFirstByte) {
  RespReplyFramer framer;
  EXPECT_EQ(framer.Frame(">"), FrameStatus::kNeedMore);
  EXPECT_TRUE(framer.is_push());
  framer.Reset();
  EXPECT_EQ(framer.Frame("*1\r\n>1\r\n"), FrameStatus::kNeedMore);
  EXPECT_FALSE(framer.is_push());
}

// The pushes of `mixed` in their order, and then the reply without them.
void ExpectMoved(const std::string& mixed, const std::vector<std::string>& pushes, const std::string& reply) {
  RespReplyFramer framer;
  std::string bytes = mixed + "+next\r\n";
  ASSERT_EQ(framer.Frame(bytes), FrameStatus::kMixed) << mixed;
  ASSERT_EQ(framer.size(), mixed.size()) << mixed;
  framer.MovePushesFirst(bytes.data());
  const std::vector<Frame> frames = FeedReplies(bytes);
  ASSERT_EQ(frames.size(), pushes.size() + 2) << mixed;
  for (size_t i = 0; i < pushes.size(); ++i) {
    EXPECT_EQ(frames[i].kind, "push");
    EXPECT_EQ(frames[i].text, pushes[i]);
  }
  EXPECT_EQ(frames[pushes.size()].kind, "reply");
  EXPECT_EQ(frames[pushes.size()].text, reply);
  EXPECT_EQ(frames.back().text, "+next\r\n");
}

TEST(ReplyFramer, MovesPushesOutOfAReplyAtAnyDepth) {
  const std::string push = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n";
  ExpectMoved("*2\r\n:1\r\n" + push + ":2\r\n", {push}, "*2\r\n:1\r\n:2\r\n");
  ExpectMoved("*2\r\n" + push + ":1\r\n>0\r\n*1\r\n" + push + ":2\r\n", {push, ">0\r\n", push},
              "*2\r\n:1\r\n*1\r\n:2\r\n");
  ExpectMoved("%1\r\n+a\r\n" + push + "+b\r\n", {push}, "%1\r\n+a\r\n+b\r\n");
  ExpectMoved("|1\r\n+a\r\n" + push + "+b\r\n:1\r\n", {push}, "|1\r\n+a\r\n+b\r\n:1\r\n");
  ExpectMoved("*1\r\n|1\r\n+a\r\n+b\r\n" + push + ":1\r\n", {push}, "*1\r\n|1\r\n+a\r\n+b\r\n:1\r\n");
  ExpectMoved("*?\r\n:1\r\n" + push + ".\r\n", {push}, "*?\r\n:1\r\n.\r\n");
  ExpectMoved("*?\r\n>?\r\n+x\r\n.\r\n" + push + "$?\r\n;1\r\na\r\n;0\r\n.\r\n", {">?\r\n+x\r\n.\r\n", push},
              "*?\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n");
}

TEST(ReplyFramer, SkipsAStreamedStringThatNobodyIsToGet) {
  RespReplyFramer framer;
  EXPECT_EQ(framer.Frame("*2\r\n$?\r\n;5\r\nab"), FrameStatus::kNeedMore);
  EXPECT_EQ(framer.Skip(), 4U + 4U + 4U + 5U + 2U);
  EXPECT_EQ(framer.Frame(";1\r\na\r\n;0\r\n"), FrameStatus::kNeedMore);
  EXPECT_EQ(framer.Skip(), 11U);
  EXPECT_EQ(framer.Frame(":1\r\n"), FrameStatus::kReply);
}

TEST(ReplyReaders, TellTheTypesApart) {
  EXPECT_TRUE(IsError("-ERR x\r\n"));
  EXPECT_FALSE(IsError("+OK\r\n"));
  EXPECT_TRUE(IsNil("$-1\r\n") && IsNil("*-1\r\n") && IsNil("_\r\n"));
  EXPECT_FALSE(IsNil("$0\r\n\r\n"));
  EXPECT_EQ(IntegerReply(":-12\r\n"), -12);
  EXPECT_FALSE(IntegerReply(":\r\n") || IntegerReply(":1x\r\n") || IntegerReply("+1\r\n") ||
               IntegerReply("$1\r\n1\r\n"));
  EXPECT_EQ(BulkReply("$2\r\nab\r\n"), "ab");
  EXPECT_EQ(BulkReply("$0\r\n\r\n"), "");
  EXPECT_FALSE(BulkReply("$-1\r\n") || BulkReply("+ab\r\n") || BulkReply("*0\r\n"));
}

TEST(ArrayReader, GivesNestedElementsWhole) {
  ArrayReader reader("*4\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n*1\r\n:2\r\n+d\r\n");
  ASSERT_TRUE(reader.is_array());
  ASSERT_EQ(reader.remaining(), 4U);
  EXPECT_EQ(reader.Next(), "$1\r\na\r\n");
  EXPECT_EQ(reader.Next(), "$-1\r\n");
  EXPECT_EQ(reader.rest(), "*2\r\n:1\r\n*1\r\n:2\r\n+d\r\n");
  EXPECT_EQ(reader.Next(), "*2\r\n:1\r\n*1\r\n:2\r\n");
  EXPECT_EQ(reader.Next(), "+d\r\n");
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(reader.rest(), "");
}

TEST(ArrayReader, HasNoElementsInWhatIsNoArray) {
  for (const std::string_view reply : {"*-1\r\n"sv, "$-1\r\n"sv, "+OK\r\n"sv, ":3\r\n"sv, "%1\r\n+a\r\n+b\r\n"sv}) {
    const ArrayReader reader(reply);
    EXPECT_FALSE(reader.is_array()) << reply;
    EXPECT_EQ(reader.remaining(), 0U) << reply;
  }
  EXPECT_TRUE(ArrayReader("*0\r\n").is_array());
}

}  // namespace
}  // namespace ringproxy::wire
