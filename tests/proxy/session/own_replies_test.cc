#include "proxy/session/own_replies.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace ringproxy::proxy {
namespace {

TEST(OwnRepliesTest, AreMuchWithinATurnUntilTheTurnEnds) {
  OwnReplies own;
  own.Add((8 << 10) - 1);
  EXPECT_FALSE(own.is_much());
  own.Add(1);
  EXPECT_TRUE(own.is_much());
  own.EndTurn(0);
  EXPECT_FALSE(own.is_much());
}

TEST(OwnRepliesTest, AreMuchWhileAMebibyteOfThemIsUnread) {
  OwnReplies own;
  for (int i = 0; i < 1024; ++i) {
    own.Add(1024);
    own.EndTurn(SIZE_MAX);
  }
  EXPECT_TRUE(own.is_much());
  own.EndTurn((1 << 20) - 1);
  EXPECT_FALSE(own.is_much());
}

// What still waits may be of the nodes; no more of it than was added is the proxy's own.
TEST(OwnRepliesTest, DoNotCountWhatNodesHaveAnswered) {
  OwnReplies own;
  own.Add(1);
  own.EndTurn(64 << 20);
  EXPECT_FALSE(own.is_much());
}

}  // namespace
}  // namespace ringproxy::proxy
