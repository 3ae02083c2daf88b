#include "backends/net/libevent_stream.h"

#include "tests/backends/net/libevent_stream_fixture.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

TEST_F(LibeventStreamTest, TellsOfBytesFromTheStart) {
  Adopt();
  Turn();
  EXPECT_EQ(told_.readable, 0);
  FarWrites("hello");
  Turn();
  EXPECT_EQ(told_.readable, 1);
  EXPECT_EQ(Read(), "hello");
  EXPECT_EQ(ReadNothing().status, IoStatus::kWouldBlock);
  Turn();
  EXPECT_EQ(told_.readable, 1);
  EXPECT_EQ(told_.writable, 0);
  EXPECT_TRUE(told_.connected.empty());  // It was so already.
}

TEST_F(LibeventStreamTest, TellsAgainOfBytesThatWereNotRead) {
  Adopt();
  FarWrites("hello");
  Turn();
  Turn();
  EXPECT_EQ(told_.readable, 2);
}

TEST_F(LibeventStreamTest, IsSilentAboutReadsThatAreNotWatchedAndForgetsNone) {
  Adopt();
  stream_->WatchReads(false);
  FarWrites("hello");
  Turn();
  EXPECT_EQ(told_.readable, 0);
  stream_->WatchReads(true);
  Turn();
  EXPECT_EQ(told_.readable, 1);
}

TEST_F(LibeventStreamTest, TellsWhoeverItWasGivenToLast) {
  Adopt();
  ToldStream next;
  told_.on_readable = [&] { stream_->SetObserver(next); };
  FarWrites("hello");
  Turn();
  Turn();
  EXPECT_EQ(told_.readable, 1);
  EXPECT_EQ(next.readable, 1);
  EXPECT_FALSE(stream_->has_more()) << "the kernel tells of all that is unread";
}

TEST_F(LibeventStreamTest, KnowsAnEndFromAnError) {
  Listen();
  for (const bool is_reset : {false, true}) {
    Unconnected();
    ASSERT_TRUE(stream_->ConnectNow({"127.0.0.1", listen_.port(), ""}));
    told_.connected.clear();
    ASSERT_TRUE(RunUntilConnected());
    Accept();
    const int before = told_.readable;
    is_reset ? far_.Reset() : far_.Close();
    ASSERT_TRUE(RunUntil([&] { return told_.readable > before; }));
    const IoResult result = ReadNothing();
    EXPECT_EQ(result.status, is_reset ? IoStatus::kError : IoStatus::kEnd);
    EXPECT_EQ(result.error, is_reset ? ECONNRESET : 0);
  }
}

TEST_F(LibeventStreamTest, WritesOnePieceOrManyInTheirOrder) {
  Adopt();
  EXPECT_EQ(Write({"one"}).bytes, 3U);
  EXPECT_EQ(FarReads(), "one");
  const IoResult result = Write({"two ", "three ", "four"});
  EXPECT_EQ(result.status, IoStatus::kOk);
  EXPECT_EQ(result.bytes, 14U);
  EXPECT_EQ(FarReads(), "two three four");
}

TEST_F(LibeventStreamTest, TellsWhenAFullSocketHasRoomAgain) {
  Adopt();
  Fill();
  const IoResult full = Write({"x", "y"});
  EXPECT_EQ(full.status, IoStatus::kWouldBlock);
  EXPECT_EQ(full.bytes, 0U);
  stream_->WatchWrites(true);
  Turn();
  EXPECT_EQ(told_.writable, 0);
  while (!FarReads().empty()) {
  }
  Turn();
  EXPECT_EQ(told_.writable, 1);
  stream_->WatchWrites(false);
  Turn();
  EXPECT_EQ(told_.writable, 1);
}

TEST_F(LibeventStreamTest, SaysThatNobodyIsThereToReadAndDiesOfNoSignal) {
  Adopt();
  far_.Close();
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"x"}, {"x", "y"}}) {
    const IoResult result = Write(pieces);
    EXPECT_EQ(result.status, IoStatus::kError);
    EXPECT_EQ(result.error, EPIPE);
  }
}

// A peer that never stops sending would leave no turn for a write.
TEST_F(LibeventStreamTest, TellsOfReadsAndWritesTurnAndTurnAbout) {
  Adopt();
  FarWrites("never read");
  stream_->WatchWrites(true);
  for (int i = 0; i < 10; ++i) Turn();
  EXPECT_EQ(told_.readable, 5);
  EXPECT_EQ(told_.writable, 5);
}

TEST_F(LibeventStreamTest, MayDieWithinTheCallsOfItsObserver) {
  for (const bool in_write : {false, true}) {
    Adopt();
    told_.readable = told_.writable = 0;
    told_.on_readable = told_.on_writable = [&] { stream_.reset(); };
    stream_->WatchWrites(in_write);
    FarWrites("x");
    Turn();
    Turn();
    EXPECT_EQ(stream_, nullptr);
    EXPECT_EQ(told_.readable + told_.writable, 1);
    EXPECT_EQ(told_.writable, in_write ? 1 : 0);
  }
}

TEST_F(LibeventStreamTest, ClosesItsSocketWithItself) {
  Adopt();
  EXPECT_FALSE(FarSeesTheEnd());
  stream_.reset();
  EXPECT_TRUE(FarSeesTheEnd());
}

TEST_F(LibeventStreamTest, LeavesItsSocketToLingerOnceItHasEndedItsWrites) {
  LingeringSockets lingering(base());
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  far_ = TestSocket(ends[1]);
  stream_ = std::make_unique<LibeventStream>(home(), told_, ends[0], &lingering);
  EXPECT_EQ(Write({"last"}).bytes, 4U);
  stream_->EndWrites();
  FarWrites("more");
  stream_.reset();
  EXPECT_EQ(lingering.size(), 1U);
  EXPECT_EQ(FarReads(), "last");
  EXPECT_TRUE(FarSeesTheEnd());
  far_.Close();
  EXPECT_TRUE(RunUntil([&] { return lingering.size() == 0; }));
}

TEST_F(LibeventStreamTest, ConnectsToANumericAddressAndIsThenRead) {
  Listen();
  Unconnected();
  EXPECT_TRUE(stream_->ConnectNow({"127.0.0.1", listen_.port(), "", 60s}));
  EXPECT_TRUE(told_.connected.empty());  // Not before it returns.
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{0});
  Accept();
  ExpectToCarryBothWays();
  EXPECT_EQ(told_.writable, 0);
  EXPECT_EQ(told_.connected.size(), 1U);
}

TEST_F(LibeventStreamTest, ConnectsOverAUnixSocket) {
  const std::string path = testing::TempDir() + "ringproxy_stream_" + std::to_string(getpid());
  unlink(path.c_str());
  listen_ = TestSocket(AF_UNIX, 0);
  ASSERT_EQ(BindTo(listen_, LocalAddress(path)), 0);
  ASSERT_EQ(listen(listen_.fd(), 1), 0);
  Unconnected();
  EXPECT_TRUE(stream_->ConnectNow({"", 0, path}));
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{0});
  Accept();
  FarWrites("hello");
  ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
  EXPECT_EQ(Read(), "hello");
  unlink(path.c_str());
}

TEST_F(LibeventStreamTest, TellsOfARefusalOnceAndNotBeforeTheCallReturns) {
  const TestSocket unheard(AF_INET, 0);  // Has a port and does not listen.
  ASSERT_EQ(BindTo(unheard, Loopback(0)), 0);
  const std::vector<std::pair<Endpoint, int>> kNobody = {
      {{"127.0.0.1", unheard.port(), ""}, ECONNREFUSED},
      {{"", 0, testing::TempDir() + "nobody/listens/here"}, ENOENT},
  };
  for (const auto& [endpoint, error] : kNobody) {
    Unconnected();
    told_.connected.clear();
    EXPECT_TRUE(stream_->ConnectNow(endpoint));
    EXPECT_TRUE(told_.connected.empty());
    ASSERT_TRUE(RunUntilConnected());
    for (int i = 0; i < 5; ++i) Turn();
    EXPECT_EQ(told_.connected, std::vector<int>{error});
  }
}

TEST_F(LibeventStreamTest, TellsThatThereIsNoDescriptorForIt) {
  Unconnected();
  {
    const NoDescriptors none;
    EXPECT_TRUE(stream_->ConnectNow({"127.0.0.1", 1, ""}));
  }
  EXPECT_TRUE(told_.connected.empty());
  Turn();
  EXPECT_EQ(told_.connected, std::vector<int>{EMFILE});
}

TEST_F(LibeventStreamTest, DoesNothingWithAHostNameThatIsToBeConnectedNow) {
  Unconnected();
  EXPECT_FALSE(stream_->ConnectNow({"localhost", 1, ""}));
  Turn();
  EXPECT_TRUE(told_.connected.empty());
}

}  // namespace
}  // namespace ringproxy::net
