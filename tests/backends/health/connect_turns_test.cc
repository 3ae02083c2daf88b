#include "backends/health/connect_turns.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

class ConnectTurnsTest : public testing::Test {
 protected:
  static constexpr int kMost = static_cast<int>(ConnectTurns::kMost);

  ConnectTurnsTest() { stats_.ready_connections.Add(); }
  ~ConnectTurnsTest() override { stats_.ready_connections.Subtract(1); }

  // A link that asks for its turn.
  ConnectTurn& Ask() {
    const int number = static_cast<int>(links_.size());
    ConnectTurn& turn = links_.emplace_back(&turns_, [this, number](bool has_turn) {
      heard_.push_back(has_turn ? number : -number);
      if (!has_turn && asks_again_) Ask();
    });
    if (turn.Take()) begun_.push_back(number);
    return turn;
  }
  void AskFor(int links) {
    for (int i = 0; i < links; ++i) Ask();
  }
  std::vector<int> TakeHeard() { return std::exchange(heard_, {}); }

  test::FakeLoop loop_;
  NodeStats stats_;
  ConnectTurns turns_{loop_, stats_};
  std::deque<ConnectTurn> links_;
  std::vector<int> begun_;
  std::vector<int> heard_;  // Who has its turn; negative: who hears that there is none.
  bool asks_again_ = false;
};

TEST_F(ConnectTurnsTest, AreSoManyAtOnceAndTheOthersFollowInOrder) {
  AskFor(kMost + 3);
  EXPECT_EQ(begun_.size(), ConnectTurns::kMost);
  EXPECT_TRUE(heard_.empty());
  links_[2].End();
  links_[0].End();
  EXPECT_EQ(TakeHeard(), (std::vector<int>{kMost, kMost + 1}));
  links_[2].End();  // It has none any more.
  EXPECT_TRUE(heard_.empty());
  EXPECT_TRUE(links_[kMost].Take());
  EXPECT_FALSE(links_[kMost + 2].Take());
}

TEST_F(ConnectTurnsTest, WhoLeavesTheRowIsNotAsked) {
  AskFor(kMost + 2);
  links_[kMost].End();
  EXPECT_FALSE(links_[kMost].is_waiting());
  links_[1].End();
  EXPECT_EQ(TakeHeard(), std::vector<int>{kMost + 1});
}

TEST_F(ConnectTurnsTest, AFailureWithNoWordFromTheNodeEndsTheRowAtOnceAndNotFromWithin) {
  AskFor(kMost + 3);
  links_[0].Fail();
  EXPECT_TRUE(heard_.empty());
  links_[kMost + 1].End();  // Its client has left by then.
  loop_.Advance(net::Duration(0));
  EXPECT_EQ(TakeHeard(), (std::vector<int>{-kMost, -(kMost + 2)}));
  // The next one is told how it is.
  links_[1].End();
  Ask();
  EXPECT_EQ(begun_.size(), ConnectTurns::kMost + 1);
}

TEST_F(ConnectTurnsTest, OneThatFailsWhileOthersSucceedFailsAlone) {
  AskFor(kMost + 2);
  turns_.OnNodeWell();
  links_[0].Fail();
  EXPECT_EQ(TakeHeard(), std::vector<int>{kMost});
  // That one has begun since, and nothing has been heard of the node.
  links_[kMost].Fail();
  loop_.Advance(net::Duration(0));
  EXPECT_EQ(TakeHeard(), std::vector<int>{-(kMost + 1)});
}

TEST_F(ConnectTurnsTest, WhoAsksAgainStandsBehindTheEndOfTheRow) {
  asks_again_ = true;
  AskFor(kMost + 2);
  turns_.GiveUp();
  loop_.Advance(net::Duration(0));
  EXPECT_EQ(TakeHeard().size(), 2U);
  links_[0].End();
  links_[1].End();
  EXPECT_EQ(TakeHeard(), (std::vector<int>{kMost + 2, kMost + 3}));
}

TEST_F(ConnectTurnsTest, NobodyHasOneUntilTheNodeIsThere) {
  stats_.ready_connections.Subtract(1);
  AskFor(2);
  EXPECT_TRUE(begun_.empty());
  turns_.OnNodeWell();
  EXPECT_TRUE(heard_.empty());
  stats_.ready_connections.Add();
  turns_.OnNodeWell();
  EXPECT_EQ(TakeHeard(), (std::vector<int>{0, 1}));
}

TEST_F(ConnectTurnsTest, ALinkThatDiesFreesItsTurn) {
  AskFor(kMost);
  {
    ConnectTurn other(&turns_, [](bool) { FAIL() << "It is gone."; });
    EXPECT_FALSE(other.Take());
  }
  Ask();
  links_.pop_front();
  EXPECT_EQ(TakeHeard(), std::vector<int>{kMost});
}

}  // namespace
}  // namespace ringproxy::backends
