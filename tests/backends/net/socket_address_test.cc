#include "backends/net/socket_address.h"

#include <gtest/gtest.h>

namespace ringproxy::net {
namespace {

TEST(SocketAddress, IsReadAsItWasWritten) {
  const SocketAddress v4 = NumericAddress("10.1.2.3", 6379);
  EXPECT_EQ(v4.family(), AF_INET);
  EXPECT_EQ(HostText(v4), "10.1.2.3");
  EXPECT_EQ(HostAndPortText(v4), "10.1.2.3:6379");
  const SocketAddress v6 = NumericAddress("fd00::5", 7);
  EXPECT_EQ(v6.family(), AF_INET6);
  EXPECT_EQ(HostText(v6), "fd00::5");
  EXPECT_EQ(HostAndPortText(v6), "[fd00::5]:7");
  EXPECT_EQ(HostAndPortText(UnixAddress("/run/a.sock")), "/run/a.sock:0");
  EXPECT_EQ(HostAndPortText({}), "");
  EXPECT_FALSE(LocalAddressOf(-1).exists());
}

TEST(SocketAddress, IsNoneForAName) {
  for (const char* name : {"localhost", "", "10.1.2", "1.2.3.4.5", "fe80::1%eth0"}) {
    EXPECT_FALSE(NumericAddress(name, 1).exists()) << name;
  }
}

TEST(SocketAddress, GetsAnotherPortAndIsThenAnother) {
  for (const char* host : {"10.1.2.3", "fd00::5"}) {
    const SocketAddress address = NumericAddress(host, 0);
    EXPECT_EQ(PortOf(address), 0);
    EXPECT_EQ(PortOf(WithPort(address, 8080)), 8080);
    EXPECT_FALSE(WithPort(address, 8080) == address);
    EXPECT_TRUE(WithPort(address, 8080) == NumericAddress(host, 8080));
  }
}

TEST(SocketAddress, OfAUnixSocketHasNeitherHostNorPort) {
  const SocketAddress address = UnixAddress("/run/x.sock");
  EXPECT_EQ(address.family(), AF_UNIX);
  EXPECT_EQ(HostText(address), "");
  EXPECT_EQ(PortOf(WithPort(address, 5)), 0);
  EXPECT_TRUE(CopyOf(address.get(), address.size) == address);
}

}  // namespace
}  // namespace ringproxy::net
