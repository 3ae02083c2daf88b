#include "proxy/local/refused_state.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace ringproxy::proxy {
namespace {

using Reason = RefusedState::Reason;

TEST(RefusedState, LetsEverythingPassAtFirst) {
  const RefusedState state;
  for (const wire::CommandSpec& spec : wire::RedisCommands()) EXPECT_EQ(state.ReasonAgainst(spec), Reason::kNone);
}

TEST(RefusedState, RefusesAllButWhatALoginNeeds) {
  RefusedState state;
  state.NeedLogin();
  EXPECT_FALSE(state.is_clear());
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    const bool passes = spec.name == "auth" || spec.name == "hello" || spec.name == "reset" || spec.name == "quit";
    EXPECT_EQ(state.ReasonAgainst(spec), passes ? Reason::kNone : Reason::kNoAuth) << spec.name;
  }
  state.LogIn();
  EXPECT_TRUE(state.is_clear());
}

// Also after a RESET: the client may be gone at any moment all the same.
TEST(RefusedState, OfWhoeverMovesItRefusesWhatWouldBeLost) {
  RefusedState state;
  state.NoteMoves();
  state.Clear();
  std::vector<std::string_view> refused;
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    if (state.ReasonAgainst(spec) == Reason::kMoves) refused.push_back(spec.name);
  }
  EXPECT_EQ(refused, (std::vector<std::string_view>{"client|reply", "monitor", "psubscribe", "select", "ssubscribe",
                                                    "subscribe", "watch"}));
}

TEST(RefusedState, ForgetsEverythingWhenItIsCleared) {
  RefusedState state;
  state.NeedLogin();
  state.NoteListens(true);
  EXPECT_FALSE(state.is_clear());
  state.Clear();
  EXPECT_TRUE(state.is_clear());
  EXPECT_EQ(state.ReasonAgainst(*wire::FindRedisCommand("get")), Reason::kNone);
}

}  // namespace
}  // namespace ringproxy::proxy
