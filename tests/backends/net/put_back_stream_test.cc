#include "backends/net/put_back_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <vector>

#include "backends/net/libevent_loop.h"
#include "tests/backends/net/event_base_fixture.h"
#include "tests/support/fake_loop.h"

namespace ringproxy::net {
namespace {

using test::FakeSocket;

struct RestReader final : StreamObserver {
  void OnConnected(int) override {}
  void OnReadable() override {
    ++told;
    if (on_readable) on_readable();
  }
  void OnWritable() override { ++writable; }

  int told = 0;
  int writable = 0;
  std::function<void()> on_readable;
};

class PutBackStreamTest : public testing::Test {
 protected:
  PutBackStreamTest() {
    stream_ = std::make_unique<PutBackStream>(loop_, loop_.NewStream(before_), pool_.Copy("abcdef"));
    stream_->SetObserver(reader_);
  }
  void Turn() { loop_.Advance(Duration(0)); }
  std::string Read(size_t most) {
    std::string bytes(most, '\0');
    const IoResult result = stream_->Read(bytes.data(), most);
    last_ = result.status;
    bytes.resize(result.bytes);
    return bytes;
  }
  FakeSocket& socket() { return loop_.socket(0); }

  test::FakeLoop loop_;
  BlockPool pool_;
  RestReader before_;
  RestReader reader_;
  std::unique_ptr<PutBackStream> stream_;
  IoStatus last_ = IoStatus::kOk;
};

TEST_F(PutBackStreamTest, ItsLastWordsAreThoseOfTheStreamBehindIt) {
  socket().last_words = LastWords::kRefused;
  EXPECT_EQ(stream_->last_words(), LastWords::kRefused);
}

TEST_F(PutBackStreamTest, TellsOfItsRestThoughNoByteArrives) {
  EXPECT_TRUE(stream_->has_more());
  EXPECT_EQ(reader_.told, 0) << "who gives a stream on is not called back by it";
  Turn();
  EXPECT_EQ(reader_.told, 1);
  EXPECT_EQ(Read(100), "abcdef");
  EXPECT_FALSE(stream_->has_more());
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
  Turn();
  EXPECT_EQ(reader_.told, 1);
  EXPECT_EQ(Read(100), "");
  EXPECT_EQ(last_, IoStatus::kWouldBlock);
  EXPECT_EQ(before_.told, 0);
}

TEST_F(PutBackStreamTest, TellsAgainAfterEachReadThatLeavesSome) {
  std::string all;
  reader_.on_readable = [&] { all += Read(2); };
  Turn();
  EXPECT_EQ(all, "abcdef");
  EXPECT_EQ(reader_.told, 3);
}

// Whoever reads little at a time would keep all others waiting.
TEST(PutBackStream, TellsOnceATurn) {
  Resolver resolver;
  LibeventLoop loop(resolver);
  BlockPool pool;
  RestReader reader;
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  const TestSocket far(ends[1]);
  PutBackStream stream(loop, loop.Adopt(ends[0], reader), pool.Copy("abc"));
  int turns = 0;
  std::vector<int> told_in;
  reader.on_readable = [&] {
    char byte;
    EXPECT_EQ(stream.Read(&byte, 1).bytes, 1U);
    told_in.push_back(turns);
  };
  loop.SetEndOfTurn([&] {
    ++turns;
    if (told_in.size() == 3) loop.Stop();
    return NextTurn::kMayWait;
  });
  stream.SetObserver(reader);
  loop.Run();
  EXPECT_EQ(told_in, (std::vector<int>{0, 1, 2}));
}

TEST_F(PutBackStreamTest, IsSilentWhileReadsAreNotWatchedAndTellsOnceTheyAre) {
  stream_->WatchReads(false);
  Turn();
  EXPECT_EQ(reader_.told, 0);
  EXPECT_EQ(Read(2), "ab") << "whoever reads all the same may";
  Turn();
  EXPECT_EQ(reader_.told, 0);
  stream_->WatchReads(true);
  EXPECT_EQ(reader_.told, 0);
  Turn();
  EXPECT_EQ(reader_.told, 1);
  EXPECT_EQ(Read(100), "cdef");
}

TEST_F(PutBackStreamTest, WhatArrivesComesBehindTheRest) {
  socket().incoming = "ghi";
  socket().end_of_stream = true;
  EXPECT_EQ(Read(4), "abcd");
  EXPECT_EQ(Read(100), "ef");
  EXPECT_EQ(Read(100), "ghi");
  EXPECT_EQ(Read(100), "");
  EXPECT_EQ(last_, IoStatus::kEnd);
}

TEST_F(PutBackStreamTest, TheReaderIsToldOfWhatArrivesToo) {
  EXPECT_EQ(Read(100), "abcdef");
  reader_.on_readable = [&] { Read(100); };
  socket().Receive("more");
  EXPECT_EQ(reader_.told, 1);
  socket().observer->OnWritable();
  EXPECT_EQ(reader_.writable, 1);
  stream_->WatchReads(false);
  EXPECT_FALSE(socket().watches_reads);
}

TEST_F(PutBackStreamTest, IsWrittenToAsTheStreamBehindIt) {
  std::string text = "reply";
  const iovec piece{text.data(), text.size()};
  EXPECT_EQ(stream_->Write({&piece, 1}).bytes, 5U);
  EXPECT_EQ(socket().TakeWritten(), "reply");
  stream_->WatchWrites(true);
  EXPECT_TRUE(socket().watches_writes);
  EXPECT_FALSE(stream_->has_peer_left());
  socket().end_of_stream = true;
  EXPECT_TRUE(stream_->has_peer_left());
  stream_->EndWrites();
  EXPECT_TRUE(socket().writes_ended);
  EXPECT_EQ(stream_->descriptor(), -1);
  EXPECT_EQ(stream_->local_address(), "");
}

TEST_F(PutBackStreamTest, MayDieWithinTheCallsOfItsObserver) {
  reader_.on_readable = [&] { stream_.reset(); };
  Turn();
  EXPECT_TRUE(socket().closed());
  Turn();
  EXPECT_EQ(reader_.told, 1);
  EXPECT_EQ(pool_.blocks_in_use(), 0U);
}

}  // namespace
}  // namespace ringproxy::net
