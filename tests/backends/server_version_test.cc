#include "backends/server_version.h"

#include <gtest/gtest.h>

#include <atomic>

namespace ringproxy::backends {
namespace {

TEST(ServerVersion, ReadsUpToThreeNumbers) {
  EXPECT_EQ(ServerVersion::Parse("7.2.4").text(), "7.2.4");
  EXPECT_EQ(ServerVersion::Parse("255.255.255").text(), "255.255.255");
  EXPECT_EQ(ServerVersion::Parse("8.0-rc1").text(), "8.0.0");
  EXPECT_EQ(ServerVersion::Parse("6").text(), "6.0.0");
  EXPECT_EQ(ServerVersion::Parse("7.4.0.1").text(), "7.4.0");
}

TEST(ServerVersion, IsNotKnownFromAnythingElse) {
  for (const char* text : {"", "v7", "-1.0.0", "999999.0.0", ".1"}) {
    EXPECT_FALSE(ServerVersion::Parse(text).is_known()) << text;
    EXPECT_EQ(ServerVersion::Parse(text).text(), "") << text;
  }
}

TEST(ServerVersion, HasAnOrderInWhichWhatIsNotKnownComesFirst) {
  EXPECT_LT(ServerVersion(6, 2, 14), ServerVersion(7, 0, 0));
  EXPECT_LT(ServerVersion(7, 0, 9), ServerVersion(7, 0, 10));
  EXPECT_LT(ServerVersion(7, 9, 0), ServerVersion(7, 10, 0));
  EXPECT_LT(ServerVersion(), ServerVersion(0, 0, 0));
  EXPECT_TRUE(ServerVersion(0, 0, 0).is_known());
  EXPECT_EQ(ServerVersion::Parse("7.2.4"), ServerVersion(7, 2, 4));
}

TEST(ServerVersion, KnowsAValkeyByWhatItCallsItself) {
  EXPECT_TRUE(ServerVersion::Parse("8.1.4", "valkey").is_valkey());
  EXPECT_FALSE(ServerVersion::Parse("8.1.4", "redis").is_valkey());
  EXPECT_FALSE(ServerVersion::Parse("8.1.4").is_valkey());
  EXPECT_EQ(ServerVersion::Parse("8.1.4", "valkey").text(), "8.1.4");
  EXPECT_LT(ServerVersion::Parse("8.1.4", "valkey"), ServerVersion::Parse("8.1.5", "redis"));
}

TEST(ServerVersion, IsANumberToCompareWithThoseOfCommands) {
  EXPECT_EQ(ServerVersion(8, 10, 2).number(), 81002U);
  EXPECT_EQ(ServerVersion(7, 0, 999).number(), 70099U);
  EXPECT_EQ(ServerVersion().number(), 0U);
}

TEST(ServerVersion, IsReadByAnyThreadWithoutALock) {
  EXPECT_TRUE(std::atomic<ServerVersion>::is_always_lock_free);
}

}  // namespace
}  // namespace ringproxy::backends
