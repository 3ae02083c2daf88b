#include "backends/net/bound_sockets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backends/net/address_lookup.h"
#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

std::vector<TestSocket> SocketsOf(const std::vector<int>& descriptors) {
  std::vector<TestSocket> sockets;
  for (const int fd : descriptors) sockets.emplace_back(fd);
  return sockets;
}

std::vector<TestSocket> Bind(const Endpoint& where, std::string* error) {
  return SocketsOf(BindAndListen(where, error));
}

std::vector<TestSocket> Bind(const std::vector<SocketAddress>& where, std::string* error) {
  return SocketsOf(BindAndListen(where, Duration(0), error));
}

// Whether this machine has it.
bool IsOurs(const SocketAddress& address) {
  const TestSocket probe(address.family(), 0);
  return bind(probe.fd(), address.get(), address.size) == 0;
}

TEST(BindAndListen, TakesAllAddressesOfANameThatThisMachineHas) {
  std::vector<SocketAddress> wanted = LookUpAddresses("localhost", AF_UNSPEC).addresses;
  std::erase_if(wanted, [](const SocketAddress& address) { return !IsOurs(address); });
  std::string error;
  const std::vector<TestSocket> sockets = Bind(Endpoint{"localhost", 0, ""}, &error);
  ASSERT_FALSE(sockets.empty()) << error;
  ASSERT_EQ(sockets.size(), wanted.size());
  const uint16_t port = PortOf(BoundAddress(sockets[0].fd()));
  EXPECT_NE(port, 0);
  for (size_t i = 0; i < sockets.size(); ++i) {
    EXPECT_TRUE(BoundAddress(sockets[i].fd()) == WithPort(wanted[i], port));
    EXPECT_EQ(sockets[i].Option(SOL_SOCKET, SO_ACCEPTCONN), 1);
  }
}

TEST(BindAndListen, SaysWhyItCannot) {
  std::string error;
  EXPECT_TRUE(Bind(Endpoint{"192.0.2.1", 0, ""}, &error).empty());  // No machine's own.
  EXPECT_EQ(error, std::strerror(EADDRNOTAVAIL));
  EXPECT_TRUE(Bind(Endpoint{std::string(300, 'x'), 0, ""}, &error).empty());
  EXPECT_TRUE(error.starts_with("cannot resolve xxx")) << error;
}

TEST(BindAndListen, LeavesOutAddressesThatAreNotThisMachines) {
  std::string error;
  const auto sockets =
      Bind(std::vector{NumericAddress("192.0.2.1", 0), NumericAddress("127.0.0.2", 0), NumericAddress("127.0.0.1", 0)},
           &error);
  ASSERT_EQ(sockets.size(), 2U) << error;
  EXPECT_EQ(HostText(BoundAddress(sockets[0].fd())), "127.0.0.2");
  EXPECT_EQ(HostText(BoundAddress(sockets[1].fd())), "127.0.0.1");
  EXPECT_NE(sockets[0].port(), 0);
  EXPECT_EQ(sockets[0].port(), sockets[1].port());
}

TEST(BindAndListen, TakesNoneWhenOneIsTaken) {
  std::string error;
  const std::vector<TestSocket> first = Bind(Endpoint{"127.0.0.1", 0, ""}, &error);
  ASSERT_EQ(first.size(), 1U) << error;
  const uint16_t port = first[0].port();
  EXPECT_TRUE(Bind(std::vector{NumericAddress("127.0.0.2", port), NumericAddress("127.0.0.1", 0)}, &error).empty());
  EXPECT_EQ(error, std::strerror(EADDRINUSE));
  EXPECT_EQ(Bind(Endpoint{"127.0.0.2", port, ""}, &error).size(), 1U);  // It was given back.
}

class UnixSocketTest : public testing::Test {
 protected:
  ~UnixSocketTest() override { unlink(path_.c_str()); }

  // 0 where there is no socket.
  mode_t ModeOf(const std::string& path) const {
    struct stat file {};
    return lstat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_mode & 07777 : 0;
  }

  const std::string path_ = testing::TempDir() + "ringproxy_bound_" + std::to_string(getpid());
};

TEST_F(UnixSocketTest, HasTheModeThatIsAskedForWhateverTheUmask) {
  const mode_t before = umask(027);
  std::string error;
  for (const auto& [asked, has] : {std::pair{0U, 0750U}, {0660U, 0660U}, {0777U, 0777U}, {0600U, 0600U}}) {
    const auto sockets = Bind(Endpoint{.host = {}, .unix_path = path_, .unix_mode = asked}, &error);
    ASSERT_EQ(sockets.size(), 1U) << error;
    EXPECT_EQ(ModeOf(path_), has);
    const TestSocket client(AF_UNIX, 0);
    EXPECT_EQ(ConnectTo(client, LocalAddress(path_)), 0);
  }
  umask(before);
}

}  // namespace
}  // namespace ringproxy::net
