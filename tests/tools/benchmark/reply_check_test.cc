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

TEST(ReplyCheck, CountsTheErrorsOfMemcachedAtEverySplitAndGoesOn) {
  for (const CommandKind command : {CommandKind::kGet, CommandKind::kSet, CommandKind::kMget}) {
    const RequestSet set({.protocol = Protocol::kMemcached, .command = command, .keys = 8, .mget_keys = 3});
    for (const std::string error : {"ERROR\r\n", "CLIENT_ERROR bad data chunk\r\n", "SERVER_ERROR node down\r\n"}) {
      for (size_t split = 1; split < error.size(); ++split) {
        ReplyCheck check(Protocol::kMemcached);
        ASSERT_EQ(FeedAll(check, set, error.substr(0, split)), Verdict::kNeedMore) << split;
        ASSERT_EQ(FeedAll(check, set, error.substr(split)), Verdict::kErrorReply) << split;
        ASSERT_EQ(check.error_text(), error);
        ASSERT_EQ(FeedAll(check, set, RightReply(set, 0)), Verdict::kReply);
      }
    }
  }
}

TEST(ReplyCheck, RejectsWhatOnlyBeginsLikeAnErrorAndTheErrorsOfTheOtherProtocol) {
  const RequestSet set({.protocol = Protocol::kMemcached, .keys = 8});
  for (const char* reply : {"END\r\n", "STORED\r\n", "SERVED\r\n", "-ERR no\r\n"}) {
    ReplyCheck whole(Protocol::kMemcached);
    EXPECT_EQ(FeedAll(whole, set, reply), Verdict::kWrong) << reply;
  }
  ReplyCheck split(Protocol::kMemcached);
  EXPECT_EQ(FeedAll(split, set, "E"), Verdict::kNeedMore);
  EXPECT_EQ(FeedAll(split, set, "ND\r\n"), Verdict::kWrong);
  ReplyCheck redis;
  EXPECT_EQ(FeedAll(redis, RequestSet({.keys = 8}), "ERROR\r\n"), Verdict::kWrong);
}

TEST(ReplyCheck, RejectsAnErrorInTheMiddleOfAReply) {
  const RequestSet set({.protocol = Protocol::kMemcached, .command = CommandKind::kMget, .keys = 8, .mget_keys = 3});
  const Piece& first = set.ReplyTo(0)[0];
  ReplyCheck check(Protocol::kMemcached);
  EXPECT_EQ(FeedAll(check, set, std::string(first.text) + std::string(first.body, '.') + "\r\n"), Verdict::kNeedMore);
  EXPECT_EQ(FeedAll(check, set, "SERVER_ERROR node down\r\n"), Verdict::kWrong);
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
