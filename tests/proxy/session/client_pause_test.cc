#include "proxy/session/client_pause.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using HeldCommands = ClientPause::HeldCommands;
using test::TestRequest;

bool Holds(HeldCommands held, const TestRequest& request) {
  const ClientState client = NewClient(1, "127.0.0.1:1");
  ClientPause pause;
  pause.Extend(held, net::TimePoint(1s));
  return pause.Holds(wire::FindRedisCommand(wire::Request(request)), request, client);
}

bool Holds(HeldCommands held, std::string_view line) {
  return Holds(held, TestRequest(TestRequest::Split(line)));
}

TEST(ClientPause, OfWritesHoldsWhatMayChangeDataAndNothingElse) {
  for (const char* line : {"set k v", "del k", "blpop k 0", "flushall", "publish c m", "spublish c m", "eval x 0",
                           "fcall f 0", "pfcount k", "xreadgroup group g c streams s >"})
    EXPECT_TRUE(Holds(HeldCommands::kWrites, line)) << line;
  for (const char* line : {"get k", "ping", "multi", "exec", "subscribe c", "xread streams s 0", "set k", "nosuch",
                           "client list", "client unpause", "eval_ro x 0"})
    EXPECT_FALSE(Holds(HeldCommands::kWrites, line)) << line;
}

TEST(ClientPause, OfWritesLetsScriptsPassThatDeclareToWriteNothing) {
  const auto holds = [](std::string_view command, std::string_view script) {
    return Holds(HeldCommands::kWrites, TestRequest({command, script, "0"}));
  };
  for (const char* script : {"#!lua flags=no-writes\nreturn 1", "#!lua flags=allow-stale,no-writes\nreturn 1",
                             "#!lua flags=no-writes", "#!lua flags=no-writes x\r\nreturn 1"})
    EXPECT_FALSE(holds("eval", script)) << script;
  for (const char* script : {"return 1", "#!lua\nreturn 1 -- flags=no-writes", "#!lua flags=\n",
                             "#!lua flags=no-writes2\n", "-- #!lua flags=no-writes\n", "#!lua xflags=no-writes\n"})
    EXPECT_TRUE(holds("eval", script)) << script;
  EXPECT_TRUE(holds("evalsha", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"));
}

TEST(ClientPause, OfAllHoldsEverythingButItsOwnEndAndThatOfTheConnection) {
  for (const char* line : {"set k v", "get k", "ping", "multi", "exec", "client list", "set k", "nosuch"})
    EXPECT_TRUE(Holds(HeldCommands::kAll, line)) << line;
  for (const char* line : {"client unpause", "client pause 1", "CLIENT UNPAUSE", "quit", "auth x", "hello 3"})
    EXPECT_FALSE(Holds(HeldCommands::kAll, line)) << line;
}

TEST(ClientPause, AnotherOneMakesItLongerOrHarderAndNeverLess) {
  ClientPause pause;
  EXPECT_FALSE(pause.is_on());
  pause.Extend(HeldCommands::kAll, net::TimePoint(5s));
  pause.Extend(HeldCommands::kWrites, net::TimePoint(2s));
  EXPECT_EQ(pause.held, HeldCommands::kAll);
  EXPECT_EQ(pause.until, net::TimePoint(5s));
  pause.Extend(HeldCommands::kWrites, net::TimePoint(9s));
  EXPECT_EQ(pause.until, net::TimePoint(9s));
  pause = {};
  pause.Extend(HeldCommands::kWrites, net::TimePoint(1s));
  EXPECT_EQ(pause.held, HeldCommands::kWrites);
  EXPECT_EQ(pause.until, net::TimePoint(1s));
}

}  // namespace
}  // namespace ringproxy::proxy
