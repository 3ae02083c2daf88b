// What a check learns of a Redis server, and what it passes over.
#include "tests/backends/link/health_check_fixture.h"

namespace ringproxy::backends {
namespace {

TEST_F(HealthCheckTest, AsksARedisServerOnceAConnectionForItsRelease) {
  Make();
  EXPECT_FALSE(check_->version().is_known());
  for (const char* answer : {"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n",
                             "-NOPERM this user has no permissions to run the 'hello' command\r\n"}) {
    Check();
    Node().observer->OnConnected(0);
    EXPECT_EQ(Node().TakeWritten(), "*1\r\n$4\r\nPING\r\n");
    Node().Receive("+PONG\r\n");
    EXPECT_EQ(Node().TakeWritten(), "*1\r\n$5\r\nHELLO\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
    Node().Receive(std::string(answer) + "+OK\r\n*0\r\n");
    EXPECT_EQ(Take(), "good");
    EXPECT_EQ(check_->version().text(), answer[0] == '*' ? "7.2.4" : "");
    Check();
    EXPECT_EQ(Node().TakeWritten(), "*1\r\n$4\r\nPING\r\n");
    Node().Receive("+PONG\r\n");
    EXPECT_EQ(Take(), "good");
    check_->Stop();
  }
}

TEST_F(HealthCheckTest, FindsOutWhetherAServerRefusesTransactions) {
  Make();
  const auto ask = [this](const char* answers) {
    Check();
    Node().observer->OnConnected(0);
    Node().Receive("+PONG\r\n");
    Node().Receive("-ERR unknown command 'HELLO'\r\n" + std::string(answers));
    EXPECT_EQ(Take(), "good") << answers;
    return check_->refuses_transactions();
  };
  EXPECT_FALSE(ask("+OK\r\n*0\r\n"));
  check_->Stop();
  EXPECT_TRUE(ask("-NOPERM no\r\n-ERR EXEC without MULTI\r\n"));
  EXPECT_FALSE(Node().closed());
  check_->Stop();
  EXPECT_TRUE(ask("+OK\r\n-ERR unknown command 'EXEC'\r\n"));
  EXPECT_TRUE(Node().closed()) << "it would queue the next check";
}

TEST_F(HealthCheckTest, PassesPushesOver) {
  Make();
  Check();
  Node().observer->OnConnected(0);
  Node().Receive(">1\r\n+x\r\n+PONG\r\n>1\r\n+x\r\n");
  AnswerVersion();
  EXPECT_EQ(Take(), "good");
}

}  // namespace
}  // namespace ringproxy::backends
