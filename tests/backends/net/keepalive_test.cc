#include "backends/net/keepalive.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

class KeepaliveTest : public testing::Test {
 protected:
  KeepaliveTest() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {}
  ~KeepaliveTest() override { close(fd_); }
  int Option(int level, int name) const {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(getsockopt(fd_, level, name, &value, &size), 0);
    return value;
  }
  void Expect(int idle, int interval) const {
    EXPECT_EQ(Option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(Option(IPPROTO_TCP, TCP_KEEPIDLE), idle);
    EXPECT_EQ(Option(IPPROTO_TCP, TCP_KEEPINTVL), interval);
    EXPECT_EQ(Option(IPPROTO_TCP, TCP_KEEPCNT), 3);
    EXPECT_EQ(Option(IPPROTO_TCP, TCP_USER_TIMEOUT), (idle + 3 * interval) * 1000);
  }
  int fd_;
};

TEST_F(KeepaliveTest, GivesAVanishedPeerUpAfterHalfAsLongAgain) {
  SetKeepalive(fd_, 60s);
  Expect(60, 10);
}

TEST_F(KeepaliveTest, TakesWholeSecondsAndNoneBelowOne) {
  SetKeepalive(fd_, 1us);
  Expect(1, 1);
  SetKeepalive(fd_, 6500ms);
  Expect(7, 1);
}

TEST_F(KeepaliveTest, ReachesTheLongestThatCanBeSaid) {
  SetKeepalive(fd_, 2h);
  Expect(7200, 1200);
}

TEST_F(KeepaliveTest, IsOffAtZero) {
  SetKeepalive(fd_, 0s);
  EXPECT_EQ(Option(SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(Option(IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
}

}  // namespace
}  // namespace ringproxy::net
