#include "backends/link/server_question.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

std::string VersionFrom(std::string_view reply) {
  ServerQuestion question;
  std::string text;
  question.Start(&text);
  EXPECT_EQ(text, "*1\r\n$5\r\nHELLO\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
  EXPECT_EQ(question.OnReply(reply, &text), Handshake::HandshakeStep::kMore);
  EXPECT_EQ(question.OnReply("+OK\r\n", &text), Handshake::HandshakeStep::kMore);
  EXPECT_EQ(question.OnReply("*0\r\n", &text), Handshake::HandshakeStep::kDone);
  EXPECT_FALSE(question.refuses_transactions());
  return question.version().text();
}

TEST(ServerQuestion, ReadsTheReleaseFromAnArrayAndFromAMap) {
  EXPECT_EQ(VersionFrom("*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"), "7.0.15");
  EXPECT_EQ(VersionFrom("%2\r\n+server\r\n+redis\r\n+version\r\n+6.2.1\r\n"), "6.2.1");
}

TEST(ServerQuestion, LeavesItUnknownWhereTheServerDoesNotSayIt) {
  for (const char* reply : {"-ERR unknown command 'HELLO'\r\n", "-NOPERM x\r\n", "*0\r\n", "*-1\r\n", "$-1\r\n",
                            "+OK\r\n", "*3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n",
                            "*2\r\n$7\r\nversion\r\n:7\r\n", "*2\r\n$7\r\nversion\r\n$3\r\nabc\r\n"}) {
    EXPECT_EQ(VersionFrom(reply), "") << reply;
  }
}

TEST(ServerQuestion, TellsAServerThatRunsNoTransactions) {
  struct AnswerCase {
    const char* multi;
    const char* exec;
    bool refuses;
    bool is_left_open;
  };
  constexpr AnswerCase kCases[] = {
      {"+OK\r\n", "*0\r\n", false, false},
      {"+OK\r\n", "-EXECABORT Transaction discarded because of: BUSY x\r\n", false, false},
      {"-NOPERM x\r\n", "-ERR EXEC without MULTI\r\n", true, false},
      {"-ERR unknown command 'MULTI'\r\n", "-ERR unknown command 'EXEC'\r\n", true, false},
      {"+OK\r\n", "-ERR unknown command 'EXEC'\r\n", true, true},
      {"+OK\r\n", "+OK\r\n", true, true},
  };
  for (const AnswerCase& answers : kCases) {
    ServerQuestion question;
    std::string text;
    question.Start(&text);
    for (const char* reply : {"*0\r\n", answers.multi, answers.exec}) question.OnReply(reply, &text);
    EXPECT_EQ(question.refuses_transactions(), answers.refuses) << answers.multi << answers.exec;
    EXPECT_EQ(question.is_left_open(), answers.is_left_open) << answers.multi << answers.exec;
  }
}

TEST(ServerQuestion, ForgetsWhatAnotherConnectionHasHeard) {
  ServerQuestion question;
  std::string text;
  question.Start(&text);
  question.OnReply("*2\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n", &text);
  question.Start(&text);
  EXPECT_FALSE(question.version().is_known());
}

}  // namespace
}  // namespace ringproxy::backends
