#include "backends/net/address_lookup.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <cerrno>

#include "backends/net/connect_error.h"
#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

std::vector<std::string> OrderOf(const std::vector<std::string>& hosts) {
  std::vector<SocketAddress> addresses;
  for (const std::string& host : hosts) addresses.push_back(NumericAddress(host, 0));
  std::vector<std::string> order;
  for (const SocketAddress& address : Interleaved(addresses)) order.push_back(HostText(address));
  return order;
}

using Order = std::vector<std::string>;

TEST(Interleaved, TakesTheFamiliesTurnAndTurnAboutFromTheFirst) {
  EXPECT_EQ(OrderOf({"::1", "::2", "::3", "1.0.0.1", "1.0.0.2"}), (Order{"::1", "1.0.0.1", "::2", "1.0.0.2", "::3"}));
  EXPECT_EQ(OrderOf({"1.0.0.1", "1.0.0.2", "::1"}), (Order{"1.0.0.1", "::1", "1.0.0.2"}));
  EXPECT_EQ(OrderOf({"1.0.0.1", "::1", "::2", "::3"}), (Order{"1.0.0.1", "::1", "::2", "::3"}));
}

TEST(Interleaved, KeepsTheOrderOfOneFamily) {
  EXPECT_EQ(OrderOf({"1.0.0.3", "1.0.0.1", "1.0.0.2"}), (Order{"1.0.0.3", "1.0.0.1", "1.0.0.2"}));
  EXPECT_EQ(OrderOf({}), Order{});
}

TEST(LookUpAddresses, KnowsTheHostsFile) {
  const FoundAddresses found = LookUpAddresses("localhost", AF_INET);
  EXPECT_EQ(found.error, 0);
  ASSERT_EQ(found.addresses.size(), 1U);
  EXPECT_EQ(HostAndPortText(found.addresses[0]), "127.0.0.1:0");
}

TEST(LookUpAddresses, TakesNumbersAsTheyAre) {
  const FoundAddresses found = LookUpAddresses("::1", AF_UNSPEC);
  ASSERT_EQ(found.addresses.size(), 1U);
  EXPECT_EQ(HostText(found.addresses[0]), "::1");
}

TEST(LookUpAddresses, SaysWhyAHostHasNone) {
  const FoundAddresses found = LookUpAddresses(std::string(300, 'x'), AF_UNSPEC);  // Longer than a name may be.
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_LT(found.error, 0);
}

// The C library says that the name does not exist, since it cannot read its files.
TEST(LookUpAddresses, DoesNotTakeAProcessWithoutDescriptorsForANameWithoutAddresses) {
  const NoDescriptors none;
  const FoundAddresses found = LookUpAddresses("localhost", AF_INET);
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_EQ(found.error, EMFILE);
}

}  // namespace
}  // namespace ringproxy::net
