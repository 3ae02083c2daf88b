#include "backends/wire/expiry_cap.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

using std::chrono::seconds;

constexpr seconds kNow(1'800'000'000);

std::string Capped(std::string_view exptime, seconds longest = seconds(60)) {
  std::string out = "gat ";
  return AppendCappedExptime(exptime, {longest, std::chrono::sys_seconds(kNow)}, &out) ? out.substr(4) : "none:" + out;
}

TEST(ExpiryCap, GivesWhatNeverExpiresItsLongestTime) {
  EXPECT_EQ(Capped("0"), "60");
  EXPECT_EQ(Capped("0", seconds(1)), "1");
  EXPECT_EQ(Capped("0", kLongestRelativeExptime), "2592000");
}

TEST(ExpiryCap, CapsWhatIsLonger) {
  EXPECT_EQ(Capped("59"), "59");
  EXPECT_EQ(Capped("60"), "60");
  EXPECT_EQ(Capped("61"), "60");
  EXPECT_EQ(Capped("2592000"), "60");
}

TEST(ExpiryCap, LeavesWhatHasExpiredExpired) {
  EXPECT_EQ(Capped("-1"), "-1");
  EXPECT_EQ(Capped("-2147483648"), "-2147483648");
}

TEST(ExpiryCap, TakesWhatIsBeyondThirtyDaysForADate) {
  EXPECT_EQ(Capped("2592001"), "-1");
  EXPECT_EQ(Capped("1799999999"), "-1");
  EXPECT_EQ(Capped("1800000000"), "-1");
  EXPECT_EQ(Capped("1800000002"), "2");
  EXPECT_EQ(Capped("1800000060"), "60");
  EXPECT_EQ(Capped("1800000061"), "60");
  EXPECT_EQ(Capped("2147483647"), "60");
  EXPECT_EQ(Capped("2147483647", kLongestRelativeExptime), "2592000");
}

TEST(ExpiryCap, AppendsNothingForWhatIsNoNumber) {
  for (const char* text : {"", "x", "1x", "2147483648"}) EXPECT_EQ(Capped(text), "none:gat ") << text;
}

}  // namespace
}  // namespace ringproxy::wire
