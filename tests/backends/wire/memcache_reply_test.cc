#include "backends/wire/memcache_reply.h"

#include <gtest/gtest.h>

#include "tests/backends/wire/feed.h"

namespace ringproxy::wire {
namespace {

std::vector<std::string> RepliesOf(std::string_view stream) {
  std::vector<std::string> replies;
  for (const test::Frame& frame : test::Feed(test::MemcacheReplyCodec(), stream, {})) {
    replies.push_back(frame.kind == "bad" ? "bad" : frame.text);
  }
  return replies;
}

// However much of it has come, what follows it is found.
TEST(MemcacheReplyFramer, SkipsTheRestOfAReplyThatIsNotKept) {
  for (const std::string& skipped :
       {"VALUE k 0 30\r\n" + std::string(30, '\n') + "\r\nVALUE k2 0 2\r\nab\r\nEND\r\n",
        "VA 30 f0\r\n" + std::string(30, 'x') + "\r\n", std::string("STAT a 1\r\nSTAT b 2\r\nEND\r\n")}) {
    for (size_t cut = 1; cut < skipped.size(); ++cut) {
      MemcacheReplyFramer framer;
      std::string bytes = skipped.substr(0, cut);
      ASSERT_EQ(framer.Frame(bytes), ReplyFramer::FrameStatus::kNeedMore);
      std::string stream = skipped + "HD\r\n";
      size_t shown = cut;
      ReplyFramer::FrameStatus status = ReplyFramer::FrameStatus::kNeedMore;
      while (status == ReplyFramer::FrameStatus::kNeedMore) {
        stream.erase(0, framer.Skip());
        status = framer.Frame(std::string_view(stream).substr(0, ++shown));
        shown = std::min(shown, stream.size());
      }
      ASSERT_EQ(status, ReplyFramer::FrameStatus::kReply);
      EXPECT_EQ(stream.substr(framer.size()), "HD\r\n") << skipped << " cut at " << cut;
    }
  }
}

TEST(MemcacheReplyFramer, FramesEveryKindOfReply) {
  const std::vector<std::string> replies = {
      "STORED\r\n",
      "END\r\n",
      "VALUE k 0 5\r\nhello\r\nEND\r\n",
      "VALUE k 0 5 17\r\nEND\r\n\r\nVALUE k2 1 0\r\n\r\nEND\r\n",
      "VALUE k 0 1\r\nx\r\nSERVER_ERROR out of memory\r\n",
      "STAT pid 1\r\nSTAT version 1.6.18\r\nEND\r\n",
      "ITEM END [5 b; 0 s]\r\nITEM ITEM [1 b; 1700000000 s]\r\nITEM a\rEND [1 b; 0 s]\r\nITEM \xff[1 [1 b; 0 "
      "s]\r\nEND\r\n",
      "ITEM k [5 b; 0 s]\r\nSERVER_ERROR out of memory writing stats\r\n",
      "VA 2 f0 kx\r\nhi\r\n",
      "HD\r\n",
      "EN\r\n",
      "MN\r\n",
      "42\r\n",
      "ME k exp=-1 la=0\r\n",
      "CLIENT_ERROR bad data chunk\r\n",
  };
  std::string stream;
  for (const std::string& reply : replies) stream += reply;
  EXPECT_EQ(RepliesOf(stream), replies);
}

TEST(MemcacheReplyFramer, RefusesWhatNoServerSays) {
  for (const std::string& stream : {std::string("VALUE k 0 x\r\n"), std::string("VALUE k 0 -1\r\n"),
                                    std::string("VA\r\nVA x\r\n"), std::string("VALUE k 0 2\r\nabcd\r\n"),
                                    std::string("STORED\n"), std::string("\n"), std::string(100'000, 'x')}) {
    EXPECT_EQ(RepliesOf(stream).back(), "bad") << stream.substr(0, 40);
  }
}

TEST(MemcacheReplyFramer, SaysHowMuchOfAValueIsMissing) {
  MemcacheReplyFramer framer;
  ASSERT_EQ(framer.Frame("VALUE k 0 1000\r\nab"), ReplyFramer::FrameStatus::kNeedMore);
  EXPECT_EQ(framer.bytes_needed(), 16U + 1000U + 2U);
  framer.Reset();
  EXPECT_EQ(framer.Frame("END\r\n"), ReplyFramer::FrameStatus::kReply);
}

TEST(ValueReader, ReadsItemsAndTheLineBehindThem) {
  ValueReader reader("VALUE a 7 3 99\r\nx\r\n\r\nVALUE b 0 0\r\n\r\nEND\r\n");
  ASSERT_TRUE(reader.Peek());
  EXPECT_EQ(reader.Peek()->key, "a");
  EXPECT_EQ(reader.Peek()->head, "VALUE a 7 3");
  EXPECT_EQ(reader.Peek()->cas, "99");
  EXPECT_EQ(reader.Peek()->data, "\r\nx\r\n\r\n");
  reader.Advance();
  ASSERT_TRUE(reader.Peek());
  EXPECT_EQ(reader.Peek()->whole, "VALUE b 0 0\r\n\r\n");
  EXPECT_EQ(reader.Peek()->cas, "");
  reader.Advance();
  EXPECT_FALSE(reader.Peek());
  EXPECT_EQ(reader.last_line(), "END\r\n");
}

TEST(MemcacheReply, TellsErrors) {
  EXPECT_TRUE(IsMemcacheError("ERROR\r\n"));
  EXPECT_TRUE(IsMemcacheError("CLIENT_ERROR x\r\n"));
  EXPECT_TRUE(IsMemcacheError("SERVER_ERROR x\r\n"));
  EXPECT_FALSE(IsMemcacheError("END\r\n"));
}

}  // namespace
}  // namespace ringproxy::wire
