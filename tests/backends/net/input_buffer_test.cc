#include "backends/net/input_buffer.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace ringproxy::net {
namespace {

struct NoObserver final : StreamObserver {
  void OnConnected(int) override {}
  void OnReadable() override {}
  void OnWritable() override {}
};

class InputBufferTest : public testing::Test {
 protected:
  BlockPool pool_;
  ReadBuffer shared_;
  test::FakeLoop loop_;
  NoObserver observer_;
  std::unique_ptr<Stream> stream_ = loop_.NewStream(observer_);
  test::FakeSocket& socket_ = loop_.last_socket();
  InputBuffer input_{pool_};
};

TEST_F(InputBufferTest, HoldsNoMemoryWhenEverythingWasFramed) {
  socket_.incoming = "one";
  EXPECT_EQ(input_.Fill(*stream_, shared_).bytes, 3U);
  EXPECT_EQ(input_.bytes(), "one");
  input_.Consume(3);
  input_.Keep(0);
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

TEST_F(InputBufferTest, KeepsARestUntilMoreComesWhileOthersUseTheSharedBuffer) {
  socket_.incoming = "frame|par";
  input_.Fill(*stream_, shared_);
  input_.Consume(6);
  input_.Keep(10);
  std::fill_n(shared_.data.get(), 64, '#');
  EXPECT_EQ(input_.bytes(), "par");
  socket_.incoming = "tial";
  input_.Fill(*stream_, shared_);
  EXPECT_EQ(input_.bytes(), "partial");
}

TEST_F(InputBufferTest, ReceivesALargeFrameIntoABlockThatCanBeTaken) {
  const std::string frame(1'000'000, 'f');
  socket_.incoming = frame;
  socket_.incoming += "next";
  input_.Fill(*stream_, shared_);
  while (input_.bytes().size() < frame.size()) {
    input_.Keep(frame.size());
    input_.Fill(*stream_, shared_);
  }
  ASSERT_TRUE(input_.CanTakeFrame(frame.size()));
  const Block block = input_.TakeFrame(frame.size());
  EXPECT_EQ(block.bytes(), frame);
  const std::string rest = std::string(input_.bytes()) + socket_.incoming;
  EXPECT_EQ(rest, "next");
}

TEST_F(InputBufferTest, DoesNotReserveMemoryOnTheWordOfThePeer) {
  socket_.incoming = "$1000000000\r\n";
  input_.Fill(*stream_, shared_);
  input_.Keep(1'000'000'000);
  input_.Clear();
  EXPECT_LT(pool_.free_bytes(), 8U << 20);
}

// Doubling would take three times as much while the bytes are copied, and twice as much afterwards.
TEST_F(InputBufferTest, TakesLittleMoreThanALargeFrameNeeds) {
  const size_t size = 9'000'000;
  size_t most = 0;
  for (size_t have = 0; have < size;) {
    socket_.incoming = std::string(std::min<size_t>(100'000, size - have), 'f');
    while (!socket_.incoming.empty()) have += input_.Fill(*stream_, shared_).bytes, input_.Keep(size);
    most = std::max(most, pool_.bytes_in_use());
    EXPECT_LE(pool_.bytes_in_use(), std::max<size_t>(2 * have + 4096, 3 << 20));
  }
  EXPECT_LT(most, size + size / 20);
  EXPECT_EQ(input_.TakeFrame(size).size(), size);
}

TEST_F(InputBufferTest, HoldsAFewTimesWhatHasReallyCome) {
  for (const size_t sent : {20UL, 3000UL, 5000UL}) {
    socket_.incoming = std::string(sent, '$');
    input_.Fill(*stream_, shared_);
    input_.Keep(1'000'000);
    EXPECT_LE(input_.held_bytes(), std::max<size_t>(17 * sent, 4096));
    input_.Clear();
  }
}

TEST_F(InputBufferTest, ReadsNoMoreAtOnceThanItIsTold) {
  socket_.incoming = std::string(50'000, 'x');
  EXPECT_EQ(input_.Fill(*stream_, shared_, 4096).bytes, 4096U);
  input_.Keep(0);
  EXPECT_LT(input_.held_bytes(), 10'000U);
}

TEST_F(InputBufferTest, ShowsWhatIsThereWhenTheStreamEnds) {
  socket_.incoming = "half";
  input_.Fill(*stream_, shared_);
  input_.Keep(100);
  socket_.end_of_stream = true;
  EXPECT_EQ(input_.Fill(*stream_, shared_).status, IoStatus::kEnd);
  EXPECT_EQ(input_.bytes(), "half");
}

}  // namespace
}  // namespace ringproxy::net
