#include "proxy/state/split_executions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/fake_loop.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;
using testing::ElementsAre;
using testing::IsEmpty;

class SplitExecutionsTest : public testing::Test, public backends::ReplySink {
 protected:
  void OnReply(Ticket, backends::Reply&& reply) override { replies_.emplace_back(reply.bytes()); }
  void OnFailure(Ticket, const wire::Failure& failure) override {
    std::string text;
    wire::AppendRedisError(failure, &text);
    replies_.push_back(text);
  }
  void Open(std::vector<uint32_t> part_of_command, size_t parts) {
    owner_ = split_.Open({7, 1, 2, Ticket::Kind::kSession}, std::move(part_of_command), parts);
  }
  Ticket Part(uint32_t part) const { return {owner_, 0, part, Ticket::Kind::kExecutionPart}; }
  void Reply(uint32_t part, std::string_view bytes) { split_.OnReply(Part(part), backends::Reply(bytes)); }
  void Fail(uint32_t part, const wire::Failure& failure) { split_.OnFailure(Part(part), failure); }
  static wire::Failure Discarded(std::string_view words) {
    wire::Failure failure{.code = wire::ErrorCode::kTransactionDiscarded};
    failure.words = words;
    return failure;
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  SplitExecutions split_{io_, *this};
  uint32_t owner_ = 0;
  std::vector<std::string> replies_;
};

TEST_F(SplitExecutionsTest, RepliesStandInTheOrderOfQueueing) {
  Open({0, 1, 0, 2}, 3);
  Reply(2, "*1\r\n%1\r\n+k\r\n*2\r\n:1\r\n_\r\n");
  Reply(0, "*2\r\n+OK\r\n-WRONGTYPE no\r\n");
  EXPECT_THAT(replies_, IsEmpty());
  Reply(1, "*1\r\n$-1\r\n");
  EXPECT_THAT(replies_, ElementsAre("*4\r\n+OK\r\n$-1\r\n-WRONGTYPE no\r\n%1\r\n+k\r\n*2\r\n:1\r\n_\r\n"));
  EXPECT_EQ(split_.open(), 0U);
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
}

TEST_F(SplitExecutionsTest, APartThatFailedReadsItsErrorInItsOwnPlaces) {
  Open({0, 1, 0, 1}, 2);
  Fail(0, Discarded("OOM command not allowed"));
  Reply(1, "*2\r\n:1\r\n:2\r\n");
  EXPECT_THAT(replies_, ElementsAre("*4\r\n-OOM command not allowed\r\n:1\r\n-OOM command not allowed\r\n:2\r\n"));
}

TEST_F(SplitExecutionsTest, ThatNothingRanIsSaidOnlyIfNothingDid) {
  Open({0, 1}, 2);
  Fail(0, Discarded("OOM no"));
  Reply(1, "-EXECABORT Transaction discarded because of: BUSY no\r\n");
  EXPECT_THAT(replies_, ElementsAre("-EXECABORT Transaction discarded because of: OOM no\r\n"));
  replies_.clear();
  // One of them may have been executed.
  Open({0, 1}, 2);
  Reply(0, "-EXECABORT Transaction discarded because of: BUSY no\r\n");
  Fail(1, {.code = wire::ErrorCode::kTransactionUnknown, .node = "r1"});
  EXPECT_THAT(replies_, ElementsAre("*2\r\n-BUSY no\r\n-ERR transaction sent to r1, no reply: it may have run\r\n"));
}

TEST_F(SplitExecutionsTest, AReplyThatDoesNotFitIsAnErrorOfItsPart) {
  Open({0, 1, 0}, 2);
  Reply(0, "*1\r\n+OK\r\n");
  Reply(1, "*1\r\n+OK\r\n");
  std::string bad;
  wire::AppendRedisError({.code = wire::ErrorCode::kBadReply}, &bad);
  EXPECT_THAT(replies_, ElementsAre("*3\r\n" + bad + "+OK\r\n" + bad));
}

// Whatever the spread, the order of the answers and who fails, each command reads what its own node said to it.
TEST_F(SplitExecutionsTest, AnySpreadReadsItsOwnReplies) {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    const size_t parts = 1 + random() % 5;
    std::vector<uint32_t> part_of_command;
    for (uint32_t i = 0; i < parts; ++i) part_of_command.push_back(i);
    for (size_t more = random() % 20; more > 0; --more) part_of_command.push_back(random() % parts);
    std::ranges::shuffle(part_of_command, random);
    std::vector<std::string> elements(parts);
    std::vector<size_t> counts(parts);
    // One at least answers.
    const size_t sound = random() % parts;
    std::vector<bool> fails(parts);
    for (size_t i = 0; i < parts; ++i) fails[i] = i != sound && random() % 3 == 0;
    std::string expected = "*" + std::to_string(part_of_command.size()) + "\r\n";
    for (size_t i = 0; i < part_of_command.size(); ++i) {
      const uint32_t part = part_of_command[i];
      const std::string element =
          i % 3 == 0 ? ":" + std::to_string(i) + "\r\n" : "*2\r\n$1\r\na\r\n+" + std::to_string(i) + "\r\n";
      elements[part] += element;
      ++counts[part];
      expected += fails[part] ? "-LOST " + std::to_string(part) + "\r\n" : element;
    }
    std::vector<uint32_t> order(parts);
    for (uint32_t i = 0; i < parts; ++i) order[i] = i;
    std::ranges::shuffle(order, random);
    Open(part_of_command, parts);
    for (const uint32_t part : order) {
      EXPECT_THAT(replies_, IsEmpty());
      if (fails[part]) {
        Fail(part, Discarded("LOST " + std::to_string(part)));
      } else {
        Reply(part, "*" + std::to_string(counts[part]) + "\r\n" + elements[part]);
      }
    }
    ASSERT_THAT(replies_, ElementsAre(expected));
    replies_.clear();
  }
  EXPECT_EQ(split_.open(), 0U);
}

}  // namespace
}  // namespace ringproxy::proxy
