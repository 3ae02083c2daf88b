#include "backends/net/address_walk.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

std::vector<SocketAddress> Addresses(int number) {
  std::vector<SocketAddress> addresses;
  for (int i = 0; i < number; ++i) addresses.push_back(NumericAddress("10.0.0." + std::to_string(i), 1));
  return addresses;
}

TEST(AddressWalk, GivesEachAddressItsPartOfWhatIsLeft) {
  AddressWalk walk(Addresses(4), kStart + 1s);
  EXPECT_EQ(HostText(walk.Next()), "10.0.0.0");
  EXPECT_EQ(walk.Share(kStart), 250ms);
  EXPECT_EQ(HostText(walk.Next()), "10.0.0.1");
  EXPECT_EQ(walk.Share(kStart + 100ms), 300ms);  // The first was refused early.
  walk.Next();
  EXPECT_EQ(walk.Share(kStart + 400ms), 300ms);
  EXPECT_FALSE(walk.at_end());
  walk.Next();
  EXPECT_TRUE(walk.at_end());
  EXPECT_EQ(walk.Share(kStart + 700ms), 0ms);  // Its owner ends the last.
}

TEST(AddressWalk, HurriesOnWhenTheTimeIsOver) {
  AddressWalk walk(Addresses(3), kStart);
  walk.Next();
  EXPECT_EQ(walk.Share(kStart + 5s), 1us);
}

TEST(AddressWalk, HasNoSharesWithoutAnEnd) {
  AddressWalk walk(Addresses(3), {});
  walk.Next();
  EXPECT_EQ(walk.Share(kStart), 0ms);
}

TEST(AddressWalk, TellsTheFirstErrorOfAnAddressThatThisMachineCanReach) {
  AddressWalk walk(Addresses(4), {});
  for (const int error : {EADDRNOTAVAIL, ECONNREFUSED, ETIMEDOUT, ENETUNREACH}) walk.NoteError(error);
  EXPECT_EQ(walk.error(), ECONNREFUSED);
  AddressWalk nowhere(Addresses(2), {});
  for (const int error : {ENETUNREACH, EADDRNOTAVAIL}) nowhere.NoteError(error);
  EXPECT_EQ(nowhere.error(), ENETUNREACH);
}

}  // namespace
}  // namespace ringproxy::net
