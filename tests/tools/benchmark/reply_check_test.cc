// tests/tools/benchmark/reply_check_test.cc – A load generator that misses a wrong reply would praise a broken proxy.
#include "tools/benchmark/reply_check.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::bench {
namespace {

using Verdict = ReplyCheck::Verdict;

// The reply that a right server gives to request `index` of the set.
std::string RightReply(const RequestSet& set, uint64_t index) {
  std::string reply;
  for (size_t i = 0; i < set.pieces_per_reply(); ++i) {
    const Piece& piece = set.ReplyTo(index)[i];
    reply += std::string(piece.text) + std::string(piece.body, '.') + (piece.tail ? "\r\n" : "");
  }
  return reply;
}

Verdict FeedAll(ReplyCheck& check, const RequestSet& set, std::string_view bytes) {
  return check.Feed(bytes, set.ReplyTo(0), set.pieces_per_reply());
}

TEST(ReplyCheck, AcceptsARightReplyAtEverySplit) {
  for (const bool memcached : {false, true}) {
    for (const CommandKind command : {CommandKind::kGet, CommandKind::kSet, CommandKind::kMget}) {
      const Protocol protocol = memcached ? Protocol::kMemcached : Protocol::kRedis;
      const RequestSet set({.protocol = protocol, .command = command, .keys = 32, .mget_keys = 3});
      const std::string reply = RightReply(set, 0);
      for (size_t split = 1; split < reply.size(); ++split) {
        ReplyCheck check;
        ASSERT_EQ(FeedAll(check, set, reply.substr(0, split)), Verdict::kNeedMore) << split;
        ASSERT_EQ(FeedAll(check, set, reply.substr(split)), Verdict::kReply) << split;
      }
    }
  }
}

TEST(ReplyCheck, LeavesTheNextReplyUntouched) {
  const RequestSet set({.keys = 8});
  const std::string replies = RightReply(set, 0) + RightReply(set, 1);
  std::string_view bytes = replies;
  ReplyCheck check;
  EXPECT_EQ(check.Feed(bytes, set.ReplyTo(0), 1), Verdict::kReply);
  EXPECT_EQ(bytes, RightReply(set, 1));
  EXPECT_EQ(check.Feed(bytes, set.ReplyTo(1), 1), Verdict::kReply);
  EXPECT_TRUE(bytes.empty());
}

TEST(ReplyCheck, RejectsTheReplyOfAnotherRequest) {
  const RequestSet set({.keys = 8});
  ReplyCheck check;
  EXPECT_EQ(FeedAll(check, set, RightReply(set, 1)), Verdict::kWrong);
}

TEST(ReplyCheck, RejectsNilAnotherLengthAndAnotherEnd) {
  const RequestSet set({.keys = 8});
  std::string other_end = RightReply(set, 0);
  other_end.replace(other_end.size() - 2, 2, "..");
  for (const std::string& reply : {std::string("$-1\r\n"), std::string("$63\r\n"), std::string("+OK\r\n"), other_end}) {
    ReplyCheck check;
    EXPECT_EQ(FeedAll(check, set, reply), Verdict::kWrong) << reply;
  }
}

TEST(ReplyCheck, CountsAnErrorInPlaceOfAReplyAndGoesOn) {
  const RequestSet set({.keys = 8});
  ReplyCheck check;
  EXPECT_EQ(FeedAll(check, set, "-TIMEOUT no"), Verdict::kNeedMore);
  EXPECT_EQ(FeedAll(check, set, "de answered\r\n"), Verdict::kErrorReply);
  EXPECT_EQ(check.error_text(), "-TIMEOUT node answered\r\n");
  EXPECT_EQ(FeedAll(check, set, RightReply(set, 0)), Verdict::kReply);
}

TEST(ReplyCheck, LetsTheBodyOfALargeValueBeThrownAway) {
  const RequestSet set({.value_bytes = 100'000, .keys = 8});
  const std::string reply = RightReply(set, 0);
  ReplyCheck check;
  EXPECT_EQ(FeedAll(check, set, reply.substr(0, 1000)), Verdict::kNeedMore);
  EXPECT_EQ(check.bytes_to_skip(set.ReplyTo(0)), reply.size() - 1000 - 2);
  check.Skipped(check.bytes_to_skip(set.ReplyTo(0)));
  EXPECT_EQ(FeedAll(check, set, "\r\n"), Verdict::kReply);
}

}  // namespace
}  // namespace ringproxy::bench
