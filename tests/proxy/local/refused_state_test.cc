#include "proxy/local/refused_state.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using Reason = RefusedState::Reason;

const wire::CommandSpec& Row(std::string_view name) {
  return *wire::FindRedisCommand(name);
}

TEST(RefusedState, LetsEverythingPassBeforeAnythingIsRefused) {
  const RefusedState state;
  for (const wire::CommandSpec& spec : wire::RedisCommands()) EXPECT_EQ(state.ReasonAgainst(spec), Reason::kNone);
}

TEST(RefusedState, RefusesAWholeTransactionUntilItsEnd) {
  RefusedState state;
  state.OnRefused(Row("multi"));
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    const bool leaves = spec.name == "exec" || spec.name == "discard" || spec.name == "reset" || spec.name == "quit";
    EXPECT_EQ(state.ReasonAgainst(spec), leaves ? Reason::kNone : Reason::kTransaction) << spec.name;
  }
  EXPECT_TRUE(state.EndTransaction());
  EXPECT_FALSE(state.EndTransaction());
  EXPECT_EQ(state.ReasonAgainst(Row("set")), Reason::kNone);
}

TEST(RefusedState, RefusesTheTransactionWhoseKeysNobodyWatches) {
  RefusedState state;
  state.OnRefused(Row("watch"));
  EXPECT_EQ(state.ReasonAgainst(Row("get")), Reason::kNone);
  EXPECT_EQ(state.ReasonAgainst(Row("multi")), Reason::kUnwatched);
  state.Unwatch();
  EXPECT_EQ(state.ReasonAgainst(Row("multi")), Reason::kNone);
  state.OnRefused(Row("watch"));
  state.OnRefused(Row("multi"));
  state.OnRefused(Row("watch"));  // Within a transaction nothing follows from it.
  EXPECT_TRUE(state.EndTransaction());
  EXPECT_EQ(state.ReasonAgainst(Row("multi")), Reason::kNone);
}

TEST(RefusedState, RefusesWhatConcernsADatabaseThatWasRefused) {
  RefusedState state;
  state.RefuseDatabase(3);
  EXPECT_EQ(state.database(), 3);
  for (const std::string_view name : {"get",
                                      "set",
                                      "del",
                                      "mget",
                                      "eval",
                                      "fcall",
                                      "sort",
                                      "xread",
                                      "migrate",
                                      "watch",
                                      "object|encoding",
                                      "memory|usage",
                                      "blpop",
                                      "flushdb",
                                      "flushall",
                                      "dbsize",
                                      "keys",
                                      "randomkey",
                                      "scan",
                                      "swapdb",
                                      "move",
                                      "copy",
                                      "touch",
                                      "restore"}) {
    EXPECT_EQ(state.ReasonAgainst(Row(name)), Reason::kDatabase) << name;
  }
  for (const std::string_view name : {"ping", "select", "client|setname", "info", "command", "script|load", "time",
                                      "publish", "multi", "exec", "reset", "quit", "object|help", "acl|whoami"}) {
    EXPECT_EQ(state.ReasonAgainst(Row(name)), Reason::kNone) << name;
  }
  state.SelectDatabaseZero();
  EXPECT_EQ(state.ReasonAgainst(Row("get")), Reason::kNone);
}

TEST(RefusedState, ForgetsEverythingWhenItIsCleared) {
  RefusedState state;
  state.RefuseDatabase(1);
  state.OnRefused(Row("watch"));
  state.OnRefused(Row("multi"));
  state.Clear();
  EXPECT_FALSE(state.EndTransaction());
  EXPECT_EQ(state.ReasonAgainst(Row("multi")), Reason::kNone);
  EXPECT_EQ(state.ReasonAgainst(Row("get")), Reason::kNone);
}

}  // namespace
}  // namespace ringproxy::proxy
