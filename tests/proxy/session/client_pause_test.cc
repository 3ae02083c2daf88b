#include "proxy/session/client_pause.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using HeldCommands = ClientPause::HeldCommands;
using test::TestRequest;

bool Holds(HeldCommands held, std::string_view line) {
  const TestRequest request(TestRequest::Split(line));
  const ClientState client = NewClient(1, "127.0.0.1:1");
  ClientPause pause;
  pause.Extend(held, net::TimePoint(1s));
  return pause.Holds(wire::FindRedisCommand(wire::Request(request)), request, client);
}

TEST(ClientPause, OfWritesHoldsWhatMayChangeDataAndNothingElse) {
  for (const char* line : {"set k v", "del k", "blpop k 0", "flushall", "publish c m", "spublish c m", "eval x 0",
                           "fcall f 0", "pfcount k", "xreadgroup group g c streams s >"})
    EXPECT_TRUE(Holds(HeldCommands::kWrites, line)) << line;
  for (const char* line : {"get k", "ping", "multi", "exec", "subscribe c", "xread streams s 0", "set k", "nosuch",
                           "client list", "client unpause", "eval_ro x 0"})
    EXPECT_FALSE(Holds(HeldCommands::kWrites, line)) << line;
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
