#include "backends/net/listen_socket.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pwd.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

class ListenSocketTest : public EventBaseTest {
 protected:
  ListenSocketTest() { unlink(path_.c_str()); }
  ~ListenSocketTest() override { unlink(path_.c_str()); }

  std::unique_ptr<ListenSocket> Open(const Endpoint& endpoint) {
    auto sockets = ListenSocket::Open(
        base(), endpoint,
        [this](int fd, std::string peer) {
          accepted_.emplace_back(fd);
          peers_.push_back(std::move(peer));
        },
        [this](int error) {
          troubles_.push_back(error);
          if (troubles_.size() == 2) no_descriptors_.reset();
        },
        &error_);
    return sockets.empty() ? nullptr : std::move(sockets[0]);
  }
  std::unique_ptr<ListenSocket> OpenTcp() { return Open({"127.0.0.1", 0, ""}); }

  const std::string path_ = testing::TempDir() + "ringproxy_listen_" + std::to_string(getpid());
  std::vector<TestSocket> accepted_;
  std::vector<std::string> peers_;
  std::vector<int> troubles_;
  std::string error_;
  std::optional<NoDescriptors> no_descriptors_;
};

TEST_F(ListenSocketTest, HandsOutAClientWithItsAddress) {
  const auto listen = OpenTcp();
  ASSERT_NE(listen, nullptr) << error_;
  EXPECT_NE(listen->port(), 0);
  const TestSocket client(AF_INET, 0);
  ASSERT_EQ(ConnectTo(client, Loopback(listen->port())), 0);
  EXPECT_TRUE(peers_.empty());  // Only the loop hands out.
  ASSERT_TRUE(RunUntil([&] { return !peers_.empty(); }));
  EXPECT_EQ(peers_, std::vector<std::string>{"127.0.0.1:" + std::to_string(client.port())});
  ASSERT_EQ(write(client.fd(), "hi", 2), 2);
  char buffer[8];
  ssize_t got = -1;
  ASSERT_TRUE(RunUntil([&] { return (got = read(accepted_[0].fd(), buffer, sizeof buffer)) > 0; }));
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(got)), "hi");
}

TEST_F(ListenSocketTest, HandsOutSocketsThatNeverBlockAndSendAtOnce) {
  const auto listen = Open({"127.0.0.1", 0, "", 60s});
  ASSERT_NE(listen, nullptr) << error_;
  const TestSocket client(AF_INET, 0);
  ASSERT_EQ(ConnectTo(client, Loopback(listen->port())), 0);
  ASSERT_TRUE(RunUntil([&] { return !accepted_.empty(); }));
  const TestSocket& accepted = accepted_[0];
  EXPECT_NE(fcntl(accepted.fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(accepted.fd(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(accepted.Option(IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_EQ(accepted.Option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(accepted.Option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(accepted.Option(IPPROTO_TCP, TCP_USER_TIMEOUT), 90'000);
}

TEST_F(ListenSocketTest, LetsOthersHaveTheirTurnInAStormOfClients) {
  const auto listen = OpenTcp();
  ASSERT_NE(listen, nullptr) << error_;
  std::vector<TestSocket> clients;
  for (int i = 0; i < 70; ++i) {
    clients.emplace_back(AF_INET, 0);
    ASSERT_EQ(ConnectTo(clients.back(), Loopback(listen->port())), 0);
  }
  Turn();
  EXPECT_EQ(accepted_.size(), 64U);
  ASSERT_TRUE(RunUntil([&] { return accepted_.size() == 70; }));
}

TEST_F(ListenSocketTest, TakesNobodyAfterItsEnd) {
  auto listen = OpenTcp();
  ASSERT_NE(listen, nullptr) << error_;
  const uint16_t port = listen->port();
  listen.reset();
  Turn();
  EXPECT_EQ(ConnectTo(TestSocket(AF_INET, 0), Loopback(port)), ECONNREFUSED);
  const auto next = Open({"127.0.0.1", port, ""});  // The next process has the port at once.
  ASSERT_NE(next, nullptr) << error_;
  EXPECT_EQ(next->port(), port);
}

TEST_F(ListenSocketTest, SaysWhyItCannotListen) {
  const auto listen = OpenTcp();
  ASSERT_NE(listen, nullptr) << error_;
  EXPECT_EQ(Open({"127.0.0.1", listen->port(), ""}), nullptr);
  EXPECT_EQ(error_, std::strerror(EADDRINUSE));
  EXPECT_EQ(Open({"192.0.2.1", 0, ""}), nullptr);  // No machine's own.
  EXPECT_EQ(error_, std::strerror(EADDRNOTAVAIL));
  error_.clear();
  EXPECT_EQ(Open({std::string(300, 'x'), 0, ""}), nullptr);  // Longer than a name may be.
  EXPECT_NE(error_, "");
  EXPECT_EQ(Open({"", 0, path_ + "/no/such/folder"}), nullptr);
  EXPECT_EQ(error_, std::strerror(ENOENT));
}

TEST_F(ListenSocketTest, KnowsTheAccountOfAClientOverAUnixSocketByWhosePathItIsCalled) {
  auto listen = Open({"", 0, path_});
  ASSERT_NE(listen, nullptr) << error_;
  EXPECT_EQ(listen->port(), 0);
  const TestSocket client(AF_UNIX, 0);
  ASSERT_EQ(ConnectTo(client, LocalAddress(path_)), 0);
  ASSERT_TRUE(RunUntil([&] { return !accepted_.empty(); }));
  EXPECT_EQ(peers_, std::vector<std::string>{path_ + ":0"});
  const passwd* own = getpwuid(geteuid());
  EXPECT_EQ(PeerUser(accepted_[0].fd()), own != nullptr ? own->pw_name : std::to_string(geteuid()));
  EXPECT_EQ(PeerUser(-1), "");
  listen.reset();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(ListenSocketTest, TakesTheNameOfASocketThatADeadProcessLeftBehind) {
  {
    const TestSocket dead(AF_UNIX, 0);
    ASSERT_EQ(BindTo(dead, LocalAddress(path_)), 0);
  }
  ASSERT_EQ(access(path_.c_str(), F_OK), 0);
  const auto listen = Open({"", 0, path_});
  ASSERT_NE(listen, nullptr) << error_;
  EXPECT_EQ(ConnectTo(TestSocket(AF_UNIX, 0), LocalAddress(path_)), 0);
}

TEST_F(ListenSocketTest, LeavesALivingSocketItsName) {
  const auto first = Open({"", 0, path_});
  ASSERT_NE(first, nullptr) << error_;
  EXPECT_EQ(Open({"", 0, path_}), nullptr);
  EXPECT_EQ(error_, std::strerror(EADDRINUSE));
  EXPECT_EQ(ConnectTo(TestSocket(AF_UNIX, 0), LocalAddress(path_)), 0);
}

// Somebody has removed the file of a process that still drains, and started another one.
TEST_F(ListenSocketTest, LeavesTheFileOfASuccessorAlone) {
  auto first = Open({"", 0, path_});
  ASSERT_NE(first, nullptr) << error_;
  unlink(path_.c_str());
  auto second = Open({"", 0, path_});
  ASSERT_NE(second, nullptr) << error_;
  first.reset();
  EXPECT_EQ(ConnectTo(TestSocket(AF_UNIX, 0), LocalAddress(path_)), 0);
  second.reset();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(ListenSocketTest, LeavesAFileAloneThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(Open({"", 0, path_}), nullptr);
  std::string content;
  std::ifstream(path_) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(ListenSocketTest, PausesWhileThereIsNoDescriptorAndThenAccepts) {
  const auto listen = OpenTcp();
  ASSERT_NE(listen, nullptr) << error_;
  const TestSocket client(AF_INET, 0);
  ASSERT_EQ(ConnectTo(client, Loopback(listen->port())), 0);
  no_descriptors_.emplace();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(RunUntil([&] { return !accepted_.empty(); }));
  EXPECT_EQ(troubles_, (std::vector<int>{EMFILE, EMFILE}));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 150ms);  // Two pauses.
}

}  // namespace
}  // namespace ringproxy::net
