#include "backends/health/script_hold.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kBusy = "-BUSY Redis is busy running a script.\r\n";
constexpr std::string_view kWords = "BUSY Redis is busy running a script.";

class ScriptHoldTest : public testing::Test {
 protected:
  ScriptHoldTest() {
    loop_.Advance(1h);
    hold_.emplace(loop_, notice_);
    hold_->SetWatch([this] { ++watched_; });
  }
  bool TickAfter(net::Duration time) {
    loop_.Advance(time);
    return hold_->OnTick();
  }
  // A script is sent, and the node says that it is busy.
  net::TimePoint BeBusy() {
    const net::TimePoint entered = loop_.now();
    hold_->OnSent();
    TickAfter(100ms);
    hold_->OnAnswer(kBusy);
    EXPECT_EQ(hold_->words(), kWords);
    EXPECT_EQ(notice_.words(), kWords);
    return entered;
  }

  test::FakeLoop loop_;
  BusyNotice notice_;
  std::optional<ScriptHold> hold_;
  int watched_ = 0;
};

TEST_F(ScriptHoldTest, IsWatchedFromTheFirstScriptOnAndAgainAfterTheLast) {
  hold_->OnSent();
  hold_->OnSent();
  EXPECT_EQ(watched_, 1);
  hold_->OnGone(loop_.now());
  EXPECT_TRUE(hold_->any());
  hold_->OnGone(loop_.now());
  EXPECT_FALSE(hold_->any());
  hold_->OnSent();
  EXPECT_EQ(watched_, 2);
}

TEST_F(ScriptHoldTest, AsksOnceAScriptWasThereAtTheTickBefore) {
  const net::TimePoint entered = loop_.now();
  hold_->OnSent();
  EXPECT_FALSE(TickAfter(100ms));
  EXPECT_TRUE(TickAfter(100ms));
  EXPECT_TRUE(TickAfter(100ms));
  hold_->OnGone(entered);
  EXPECT_FALSE(TickAfter(100ms));
}

TEST_F(ScriptHoldTest, NeverAsksForScriptsThatFollowEachOther) {
  net::TimePoint entered = loop_.now();
  hold_->OnSent();
  for (int i = 0; i < 100; ++i) {
    loop_.Advance(60ms);
    hold_->OnSent();
    hold_->OnGone(entered);
    entered = loop_.now();
    EXPECT_FALSE(TickAfter(10ms));
    loop_.Advance(20ms);
  }
}

TEST_F(ScriptHoldTest, CountsThoseOfTheTurnOfATickOnEitherSide) {
  hold_->OnSent();
  TickAfter(100ms);
  hold_->OnSent();  // In the turn of the tick.
  hold_->OnGone(loop_.now());
  hold_->OnGone(loop_.now());
  EXPECT_FALSE(hold_->any());
}

TEST_F(ScriptHoldTest, KnowsTheWordsUntilTheScriptIsAnswered) {
  const net::TimePoint entered = BeBusy();
  hold_->OnGone(entered);
  EXPECT_EQ(hold_->words(), "");
  EXPECT_FALSE(notice_.is_up());
  // An answer that comes late is of no script any more.
  hold_->OnAnswer(kBusy);
  EXPECT_EQ(hold_->words(), "");
  EXPECT_FALSE(notice_.is_up());
}

TEST_F(ScriptHoldTest, BelievesWhatWasSaidLast) {
  for (const std::string_view reply : {"+PONG\r\n", "-LOADING x\r\n", "-BUSYGROUP x\r\n", ""}) {
    const net::TimePoint entered = BeBusy();
    hold_->OnAnswer(reply);
    EXPECT_EQ(hold_->words(), "") << reply;
    EXPECT_FALSE(notice_.is_up()) << reply;
    hold_->OnGone(entered);
  }
  BeBusy();
  hold_->OnAnswer("-BUSY of another kind\r\n");
  EXPECT_EQ(hold_->words(), "BUSY of another kind");
  EXPECT_EQ(notice_.words(), "BUSY of another kind");
  EXPECT_EQ(notice_.words(), hold_->words());
}

TEST_F(ScriptHoldTest, ForgetsTheWordsWhereOnlyNewScriptsAreLeft) {
  const net::TimePoint entered = BeBusy();
  TickAfter(100ms);
  hold_->OnSent();
  hold_->OnGone(entered);
  TickAfter(10ms);
  EXPECT_EQ(hold_->words(), "");
  EXPECT_FALSE(notice_.is_up());
}

TEST_F(ScriptHoldTest, KeepsWordsShort) {
  hold_->OnSent();
  hold_->OnAnswer("-BUSY " + std::string(10'000, 'x') + "\r\n");
  EXPECT_EQ(hold_->words().size(), ScriptHold::kMostWords);
}

TEST_F(ScriptHoldTest, LeavesNoNoticeBehind) {
  BeBusy();
  hold_.reset();
  EXPECT_FALSE(notice_.is_up());
}

}  // namespace
}  // namespace ringproxy::backends
