#include "backends/net/send_queue.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/fake_loop.h"

namespace ringproxy::net {
namespace {

struct NoObserver final : StreamObserver {
  void OnConnected(int) override {}
  void OnReadable() override {}
  void OnWritable() override {}
};

class SendQueueTest : public testing::Test {
 protected:
  BlockPool pool_;
  test::FakeLoop loop_;
  NoObserver observer_;
  std::unique_ptr<Stream> stream_ = loop_.NewStream(observer_);
  test::FakeSocket& socket_ = loop_.last_socket();
};

TEST_F(SendQueueTest, WritesSmallPiecesAndMovedBlocksInOrderInOneCall) {
  SendQueue queue(pool_);
  queue.Append("small ");
  queue.Append(pool_.Copy(std::string(100'000, 'L')));
  queue.Append(" tail");
  EXPECT_EQ(queue.size(), 100'011U);
  EXPECT_EQ(queue.Flush(*stream_).status, IoStatus::kOk);
  EXPECT_EQ(socket_.written, "small " + std::string(100'000, 'L') + " tail");
  EXPECT_EQ(socket_.writes, 1U);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(SendQueueTest, GoesOnWhereAFullSocketStoppedIt) {
  SendQueue queue(pool_);
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    queue.Append(piece);
    expected += piece;
  }
  while (!queue.empty()) {
    socket_.room = 997;
    const IoResult result = queue.Flush(*stream_);
    EXPECT_EQ(result.status, queue.empty() ? IoStatus::kOk : IoStatus::kWouldBlock);
  }
  EXPECT_EQ(socket_.written, expected);
}

TEST_F(SendQueueTest, TakesBytesOutWhereverTheyStand) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    SendQueue queue(pool_);
    std::string expected;
    const auto append = [&] {
      const std::string piece(random() % (random() % 8 == 0 ? 5000 : 300), static_cast<char>('a' + random() % 26));
      random() % 4 == 0 ? queue.Append(pool_.Copy(piece)) : queue.Append(piece);
      expected += piece;
    };
    for (size_t pieces = random() % 12; pieces > 0; --pieces) append();
    for (int erased = 0; erased < 3; ++erased) {
      const size_t offset = random() % (expected.size() + 1);
      const size_t bytes = random() % 3 == 0 ? expected.size() - offset : random() % (expected.size() - offset + 1);
      queue.Erase(offset, bytes);
      expected.erase(offset, bytes);
      ASSERT_EQ(queue.size(), expected.size());
      append();
    }
    socket_.TakeWritten();
    queue.Flush(*stream_);
    ASSERT_EQ(socket_.TakeWritten(), expected) << round;
    ASSERT_EQ(pool_.blocks_in_use(), 0U);
  }
}

TEST_F(SendQueueTest, TakesAPieceOfAnySize) {
  std::string expected;
  SendQueue queue(pool_);
  for (size_t size = 0; size < 40'000; size = size * 3 + 1) {
    queue.Append(std::string(size, static_cast<char>('a' + size % 26)));
    expected += std::string(size, static_cast<char>('a' + size % 26));
  }
  queue.Flush(*stream_);
  EXPECT_EQ(socket_.written, expected);
}

TEST_F(SendQueueTest, ReportsABrokenStreamAndGivesItsMemoryBackWhenCleared) {
  SendQueue queue(pool_);
  queue.Append("x");
  socket_.error = EPIPE;
  const IoResult result = queue.Flush(*stream_);
  EXPECT_EQ(result.status, IoStatus::kError);
  EXPECT_EQ(result.error, EPIPE);
  queue.Clear();
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

}  // namespace
}  // namespace ringproxy::net
