#include "proxy/session/reply_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/backends/wire/binary_packets.h"
#include "tests/support/fake_loop.h"

namespace ringproxy::proxy {
namespace {

struct NoObserver final : net::StreamObserver {
  void OnConnected(int) override {}
  void OnReadable() override {}
  void OnWritable() override {}
};

class ReplyQueueTest : public testing::Test {
 protected:
  uint32_t Open(size_t request_bytes = 1, wire::Quiet quiet = wire::Quiet::kNone) {
    return queue_.Open({.opened = now_, .request_bytes = request_bytes, .wish = quiet});
  }
  void Resolve(uint32_t slot, const std::string& reply) { queue_.Resolve(slot, backends::Reply(reply), now_, output_); }
  void Push(std::optional<uint32_t> behind, const std::string& push) {
    queue_.Push(behind, backends::Reply(push), output_);
  }
  std::string Sent() {
    output_.Flush(*stream_);
    return loop_.last_socket().TakeWritten();
  }

  net::BlockPool pool_;
  net::TimePoint now_{};
  net::SendQueue output_{pool_};
  ReplyQueue queue_{pool_};
  test::FakeLoop loop_;
  NoObserver observer_;
  std::unique_ptr<net::Stream> stream_ = loop_.NewStream(observer_);
};

// See semantics.md 13.
TEST_F(ReplyQueueTest, DeliversInTheOrderOfTheRequestsWhateverTheOrderOfTheReplies) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<uint32_t> slots;
    std::string expected;
    for (int i = 0; i < 20; ++i) {
      slots.push_back(Open(10));
      expected += std::to_string(slots.back()) + ";";
    }
    EXPECT_EQ(queue_.request_bytes(), 200U);
    std::ranges::shuffle(slots, random);
    for (const uint32_t slot : slots) Resolve(slot, std::to_string(slot) + ";");
    EXPECT_EQ(Sent(), expected);
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.request_bytes(), 0U);
  }
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(ReplyQueueTest, HoldsEverythingBehindTheFrontBack) {
  const uint32_t first = Open();
  const uint32_t second = Open();
  Resolve(second, "second");
  EXPECT_EQ(Sent(), "");
  Resolve(first, "first,");
  EXPECT_EQ(Sent(), "first,second");
}

TEST_F(ReplyQueueTest, KeepsSmallRepliesTogetherUntilNoneWaits) {
  std::vector<uint32_t> slots;
  for (int i = 0; i < 60; ++i) slots.push_back(Open());
  const std::string small(30, 's');
  for (int i = 1; i < 50; ++i) Resolve(slots[i], small);
  EXPECT_EQ(pool_.blocks_in_use(), 1U);
  // What finds no room there has a block of its own.
  const std::string medium(1'000, 'm');
  Resolve(slots[50], medium);
  EXPECT_EQ(pool_.blocks_in_use(), 2U);
  Resolve(slots[59], "the last");
  Resolve(slots[0], "the first");
  std::string early = "the first";
  for (int i = 1; i < 50; ++i) early += small;
  EXPECT_EQ(Sent(), early + medium);
  EXPECT_EQ(pool_.blocks_in_use(), 1U);
  for (int i = 51; i < 59; ++i) Resolve(slots[i], "r");
  EXPECT_EQ(Sent(), "rrrrrrrrthe last");
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(ReplyQueueTest, MovesLargeRepliesInAndOutOfTurn) {
  const uint32_t first = Open();
  const uint32_t second = Open();
  const std::string large(100'000, 'L');
  queue_.Resolve(second, backends::Reply(pool_.Copy(large)), now_, output_);
  queue_.Resolve(first, backends::Reply(pool_.Copy(large)), now_, output_);
  EXPECT_EQ(Sent(), large + large);
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(ReplyQueueTest, MeasuresFromOpeningToDelivery) {
  backends::Histogram histogram;
  const uint32_t slot = queue_.Open({.opened = now_, .histogram = &histogram});
  now_ += std::chrono::microseconds(100);
  Resolve(slot, "x");
  EXPECT_EQ(histogram.sum_us(), 100U);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ReplyQueueTest, CountsTheBytesThatWaitForTheirTurn) {
  const uint32_t first = Open();
  const uint32_t second = Open(1, wire::Quiet::kAll);
  const uint32_t third = Open();
  Resolve(third, "12345");
  Resolve(second, "nobody reads it");
  EXPECT_EQ(queue_.aside_bytes(), 5U);
  Resolve(first, "1");
  EXPECT_EQ(queue_.aside_bytes(), 0U);
  EXPECT_EQ(Sent(), "112345");
}

TEST_F(ReplyQueueTest, LetsAPushLeaveAtOnceUnlessItWouldOvertakeItsReply) {
  const uint32_t first = Open();
  const uint32_t second = Open();
  const uint32_t third = Open();
  Push(std::nullopt, "p0 ");
  EXPECT_EQ(Sent(), "p0 ");
  Resolve(second, "2 ");
  Push(second, "p2 ");
  EXPECT_EQ(queue_.aside_bytes(), 5U);
  EXPECT_EQ(Sent(), "");
  Resolve(first, "1 ");
  EXPECT_EQ(Sent(), "1 2 p2 ");
  Push(second, "late ");  // Its slot has long been delivered.
  EXPECT_EQ(Sent(), "late ");
  Resolve(third, "3 ");
  EXPECT_EQ(Sent(), "3 ");
  EXPECT_EQ(queue_.aside_bytes(), 0U);
}

TEST_F(ReplyQueueTest, KeepsPushesInTheirOrder) {
  const uint32_t first = Open();
  const uint32_t second = Open();
  Push(second, "a ");
  Push(first, "b ");
  Push(std::nullopt, "c ");
  Resolve(first, "1 ");
  EXPECT_EQ(Sent(), "1 ");
  Resolve(second, "2 ");
  EXPECT_EQ(Sent(), "2 a b c ");
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(ReplyQueueTest, PutsEveryPushBetweenTwoRepliesAndBehindItsOwn) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint32_t> open;
    std::vector<std::pair<int, uint32_t>> pushed;
    std::string all;
    int count = 0;
    while (count < 40 || !open.empty()) {
      const auto dice = random() % 4;
      if (dice == 0 && count < 40) {
        open.push_back(Open());
        ++count;
      } else if (dice == 1 && count < 40) {
        const std::optional<uint32_t> behind =
            open.empty() ? std::nullopt : std::optional(open[random() % open.size()]);
        Push(behind, "p" + std::to_string(pushed.size()) + ";");
        pushed.emplace_back(static_cast<int>(pushed.size()), behind.value_or(UINT32_MAX));
        ++count;
      } else if (!open.empty()) {
        const size_t place = random() % open.size();
        Resolve(open[place], "r" + std::to_string(open[place]) + ";");
        open.erase(open.begin() + static_cast<ptrdiff_t>(place));
      }
      all += Sent();
    }
    size_t from = 0;
    for (const auto& [number, behind] : pushed) {
      const size_t at = all.find("p" + std::to_string(number) + ";");
      ASSERT_NE(at, std::string::npos);
      ASSERT_GE(at, from);  // In the order in which they came.
      from = at;
      if (behind == UINT32_MAX) continue;
      ASSERT_LT(all.find("r" + std::to_string(behind) + ";"), at);
    }
    ASSERT_EQ(queue_.aside_bytes(), 0U);
  }
}

// A client of the binary protocol reads packets under its own names, whoever has answered and whenever.
TEST_F(ReplyQueueTest, NamesPacketsAndMakesThemOfText) {
  const auto open = [&](wire::Quiet quiet, uint8_t opcode, uint32_t opaque) {
    return queue_.Open({.opened = now_, .request_bytes = 1, .wish = {quiet, opcode, opaque}});
  };
  const uint32_t get = open(wire::Quiet::kBinary, 0x0c, 1);
  const uint32_t miss = open(wire::Quiet::kBinaryMiss, 0x09, 2);
  const uint32_t done = open(wire::Quiet::kBinaryDone, 0x11, 3);
  const uint32_t failed = open(wire::Quiet::kBinaryDone, 0x11, 4);
  Resolve(failed, "SERVER_ERROR node down\r\n");
  Resolve(done, test::BinaryTold({.opcode = 0x01, .opaque = 99, .cas = 5}));
  Resolve(miss, "END\r\n");
  const std::string value(100'000, 'v');
  Resolve(get, test::BinaryTold({.opcode = 0x0c, .value = value, .opaque = 98}));
  EXPECT_EQ(Sent(), test::BinaryTold({.opcode = 0x0c, .value = value, .opaque = 1}) +
                        test::BinaryTold({.opcode = 0x11, .value = "node down", .opaque = 4, .status = 0x86}));
  EXPECT_TRUE(queue_.empty());
}

}  // namespace
}  // namespace ringproxy::proxy
