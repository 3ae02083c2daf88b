#include "proxy/session/client_output.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "backends/net/input_buffer.h"
#include "tests/support/fake_loop.h"

namespace ringproxy::proxy {
namespace {

class ClientOutputTest : public testing::Test, public net::StreamObserver {
 public:
  void OnConnected(int) override {}
  void OnReadable() override {}
  void OnWritable() override { output_.OnWritable(*stream_); }

 protected:
  net::BlockPool pool_;
  ClientOutput output_{pool_};
  test::FakeLoop loop_;
  std::unique_ptr<net::Stream> stream_ = loop_.NewStream(*this);
};

TEST_F(ClientOutputTest, HoldsALittleForTwoTurnsAndThenNoMore) {
  EXPECT_FALSE(output_.Hold());  // There is nothing to hold.
  output_.queue().Append("+OK\r\n");
  EXPECT_TRUE(output_.Hold());
  EXPECT_TRUE(output_.Hold());
  EXPECT_FALSE(output_.Hold());
  EXPECT_EQ(output_.Flush(*stream_).bytes, 5U);
  output_.queue().Append("+OK\r\n");
  EXPECT_TRUE(output_.Hold());
}

TEST_F(ClientOutputTest, HoldsNoLongOutput) {
  output_.queue().Append(std::string(20'000, 'x'));
  EXPECT_FALSE(output_.Hold());
}

TEST_F(ClientOutputTest, CountsWhatIsNotReadWithoutTheLargeReplyThatIsBeingWritten) {
  output_.queue().Append(pool_.Copy(std::string(net::kLargeFrame, 'x')));
  EXPECT_EQ(output_.unread_bytes(), 0U);
  output_.queue().Append(pool_.Copy(std::string(net::kLargeFrame, 'y')));
  EXPECT_EQ(output_.unread_bytes(), net::kLargeFrame);
  EXPECT_EQ(output_.size(), 2 * net::kLargeFrame);
}

TEST_F(ClientOutputTest, WaitsForTheSocketWhenItIsFull) {
  loop_.last_socket().room = 3;
  output_.queue().Append("+OK\r\n");
  EXPECT_EQ(output_.Flush(*stream_).status, net::IoStatus::kWouldBlock);
  EXPECT_TRUE(output_.socket_is_full());
  EXPECT_FALSE(output_.empty());
  loop_.last_socket().room = 100;
  output_.OnWritable(*stream_);
  EXPECT_FALSE(output_.socket_is_full());
  EXPECT_EQ(output_.Flush(*stream_).status, net::IoStatus::kOk);
  EXPECT_EQ(loop_.last_socket().TakeWritten(), "+OK\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
