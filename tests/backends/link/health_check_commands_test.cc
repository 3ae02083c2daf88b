// A question for the commands that a server has.
#include <gmock/gmock.h>

#include "tests/backends/link/health_check_fixture.h"

namespace ringproxy::backends {
namespace {

TEST_F(HealthCheckTest, AsksForCommandsOverAConnectionThatHasLoggedIn) {
  Make();
  check_->AskCommands(Record());
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().TakeWritten(), "*1\r\n$4\r\nPING\r\n");
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(Node().TakeWritten(), "*1\r\n$7\r\nCOMMAND\r\n");
  Node().Receive("*2\r\n*6\r\n$3\r\nget\r\n:2\r\n*0\r\n:2\r\n:2\r\n:1\r\n");
  EXPECT_EQ(Take(), "nothing");
  Node().Receive("*6\r\n$4\r\nmy.a\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n");
  EXPECT_EQ(Take(), "good");
  const std::vector<wire::LearntRow> rows = check_->TakeCommands();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].name, "my.a");
  EXPECT_EQ(rows[0].keys.kind, wire::KeyKind::kOne);
  EXPECT_TRUE(check_->TakeCommands().empty());
}

TEST_F(HealthCheckTest, AServerMayRefuseToTellItsCommandsOrTellTooMuch) {
  Make();
  const auto ask = [this](const std::string& answer) {
    check_->AskCommands(Record());
    Node().observer->OnConnected(0);
    Node().Receive("+PONG\r\n");
    Node().TakeWritten();
    Node().Receive(answer);
    EXPECT_TRUE(check_->TakeCommands().empty());
    return Take();
  };
  EXPECT_EQ(ask("-NOPERM this user has no permissions\r\n"), "NOPERM this user has no permissions");
  EXPECT_EQ(ask("+OK\r\n"), "no answer to COMMAND");
  EXPECT_EQ(ask("$2000000000\r\nx"), "a reply that is too long");
  EXPECT_EQ(ask("*1000000000\r\n$10000000\r\nx"), "a reply that is too long");
  EXPECT_TRUE(Node().closed());
}

}  // namespace
}  // namespace ringproxy::backends
