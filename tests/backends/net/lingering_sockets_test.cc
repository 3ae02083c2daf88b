#include "backends/net/lingering_sockets.h"

#include <array>
#include <optional>
#include <vector>

#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

class LingeringSocketsTest : public EventBaseTest {
 protected:
  // The far end of a socket that has sent its last words.
  TestSocket AddOne() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    EXPECT_EQ(send(ends[0], "words", 5, 0), 5);
    EXPECT_EQ(shutdown(ends[0], SHUT_WR), 0);
    lingering_->Add(ends[0]);
    return TestSocket(ends[1]);
  }
  static ssize_t Read(const TestSocket& socket) {
    std::array<char, 100> buffer{};
    return recv(socket.fd(), buffer.data(), buffer.size(), 0);
  }
  // Whether this end may still send: the other one is open.
  static bool IsHeld(const TestSocket& socket) { return send(socket.fd(), "x", 1, MSG_NOSIGNAL) == 1; }

  std::optional<LingeringSockets> lingering_{std::in_place, base()};
};

TEST_F(LingeringSocketsTest, LetAPeerThatStillSendsReadTheLastWordsAndTheEnd) {
  const TestSocket peer = AddOne();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(IsHeld(peer));
    Turn();
  }
  EXPECT_EQ(Read(peer), 5);
  EXPECT_EQ(Read(peer), 0) << "a reset has overtaken the end";
  EXPECT_EQ(lingering_->size(), 1U);
}

TEST_F(LingeringSocketsTest, AreClosedWithTheirPeer) {
  TestSocket peer = AddOne();
  peer.Close();
  EXPECT_TRUE(RunUntil([&] { return lingering_->size() == 0; }));
}

TEST_F(LingeringSocketsTest, AreClosedAtOnceWhenThePeerHasLeftAlready) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  close(ends[1]);
  lingering_->Add(ends[0]);
  EXPECT_EQ(lingering_->size(), 0U);
}

TEST_F(LingeringSocketsTest, WaitForNobodyLongerThanTheirTime) {
  const TestSocket silent = AddOne();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(RunUntil([&] { return lingering_->size() == 0; }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, LingeringSockets::kLongest);
  EXPECT_FALSE(IsHeld(silent));
}

TEST_F(LingeringSocketsTest, ReadNoMoreThanTheirBytesFromAPeerThatNeverStops) {
  const TestSocket peer = AddOne();
  const std::vector<char> much(64 << 10, 'x');
  uint64_t sent = 0;
  ASSERT_TRUE(RunUntil([&] {
    const ssize_t put = send(peer.fd(), much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0) sent += static_cast<uint64_t>(put);
    return lingering_->size() == 0;
  }));
  EXPECT_GT(sent, LingeringSockets::kMostBytes);
  EXPECT_LT(sent, LingeringSockets::kMostBytes + (1 << 20));
}

TEST_F(LingeringSocketsTest, AreFewHoweverManyComeAndTheOldestMakeRoom) {
  std::vector<TestSocket> peers;
  for (size_t i = 0; i < LingeringSockets::kMost + 3; ++i) peers.push_back(AddOne());
  EXPECT_EQ(lingering_->size(), LingeringSockets::kMost);
  for (size_t i = 0; i < peers.size(); ++i) EXPECT_EQ(IsHeld(peers[i]), i >= 3) << i;
  EXPECT_EQ(Read(peers[0]), 5) << "it has its words all the same";
}

TEST_F(LingeringSocketsTest, AreClosedWithTheirLoop) {
  const TestSocket peer = AddOne();
  lingering_.reset();
  EXPECT_FALSE(IsHeld(peer));
}

}  // namespace
}  // namespace ringproxy::net
