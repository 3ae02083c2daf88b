#include "proxy/session/session_mode.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <utility>

namespace ringproxy::proxy {
namespace {

constexpr std::array kModes = {SessionMode::kReading, SessionMode::kWaiting,   SessionMode::kHeld,
                               SessionMode::kPaused,  SessionMode::kFinishing, SessionMode::kClosed};

TEST(SessionMode, GoesOnlyForwardExceptForPauses) {
  std::set<std::pair<SessionMode, SessionMode>> legal;
  for (const SessionMode from : kModes) {
    for (const SessionMode to : kModes) {
      if (IsLegalMove(from, to)) legal.emplace(from, to);
    }
  }
  using enum SessionMode;
  const std::set<std::pair<SessionMode, SessionMode>> expected = {
      {kReading, kPaused}, {kReading, kFinishing}, {kReading, kClosed},  {kPaused, kReading},  {kPaused, kFinishing},
      {kPaused, kClosed},  {kFinishing, kClosed},  {kReading, kWaiting}, {kWaiting, kReading}, {kWaiting, kPaused},
      {kWaiting, kClosed}, {kWaiting, kFinishing}, {kReading, kHeld},    {kHeld, kReading},    {kHeld, kPaused},
      {kHeld, kClosed},    {kHeld, kFinishing}};
  EXPECT_EQ(legal, expected);
}

TEST(SessionMode, TakesRequestsUntilItFinishes) {
  EXPECT_TRUE(TakesRequests(SessionMode::kReading));
  EXPECT_TRUE(TakesRequests(SessionMode::kWaiting));
  EXPECT_TRUE(TakesRequests(SessionMode::kHeld));
  EXPECT_TRUE(TakesRequests(SessionMode::kPaused));
  EXPECT_FALSE(TakesRequests(SessionMode::kFinishing));
  EXPECT_FALSE(TakesRequests(SessionMode::kClosed));
}

TEST(SessionMode, WhoIsBlockedIsReadToSeeItLeave) {
  for (const SessionMode mode : kModes) {
    EXPECT_TRUE(!IsBlocked(mode) || WatchesReads(mode));
  }
  EXPECT_FALSE(IsBlocked(SessionMode::kReading));
  EXPECT_FALSE(WatchesReads(SessionMode::kPaused));
}

}  // namespace
}  // namespace ringproxy::proxy
