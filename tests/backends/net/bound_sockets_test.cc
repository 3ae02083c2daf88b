#include "backends/net/bound_sockets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backends/net/address_lookup.h"
#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

std::vector<TestSocket> Bind(const Endpoint& endpoint, std::string* error) {
  std::vector<TestSocket> sockets;
  for (const int fd : BindAndListen(endpoint, error)) sockets.emplace_back(fd);
  return sockets;
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
  const std::vector<TestSocket> sockets = Bind({"localhost", 0, ""}, &error);
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
  EXPECT_TRUE(Bind({"192.0.2.1", 0, ""}, &error).empty());  // No machine's own.
  EXPECT_EQ(error, std::strerror(EADDRNOTAVAIL));
  EXPECT_TRUE(Bind({std::string(300, 'x'), 0, ""}, &error).empty());
  EXPECT_TRUE(error.starts_with("cannot resolve xxx")) << error;
}

TEST(BindAndListen, TakesNoneWhenOneIsTaken) {
  std::string error;
  const std::vector<TestSocket> first = Bind({"127.0.0.1", 0, ""}, &error);
  ASSERT_EQ(first.size(), 1U) << error;
  EXPECT_TRUE(Bind({"localhost", first[0].port(), ""}, &error).empty());
  EXPECT_EQ(error, std::strerror(EADDRINUSE));
}

}  // namespace
}  // namespace ringproxy::net
