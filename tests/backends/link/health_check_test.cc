#include "backends/link/health_check.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

#include "backends/own_trouble.h"
#include "tests/backends/link/health_check_fixture.h"

namespace ringproxy::backends {
namespace {

constexpr const char* kPing = "*1\r\n$4\r\nPING\r\n";
constexpr const char* kExists = "*2\r\n$6\r\nEXISTS\r\n$5\r\nmaint\r\n";
constexpr const char* kFlushAll = "*1\r\n$8\r\nFLUSHALL\r\n";

TEST_F(HealthCheckTest, ConnectsPingsAndKeepsTheConnectionForTheNextCheck) {
  Make();
  Check();
  EXPECT_TRUE(check_->running());
  EXPECT_EQ(Node().written, "");
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().TakeWritten(), kPing);
  EXPECT_EQ(Take(), "nothing");
  Node().Receive("+PONG\r\n");
  AnswerVersion();
  EXPECT_EQ(Take(), "good");
  EXPECT_FALSE(check_->running());
  Check();
  EXPECT_EQ(loop_.sockets(), 1U);
  EXPECT_EQ(Node().TakeWritten(), kPing);
  Node().Receive("+PO");
  Node().Receive("NG\r\n");
  EXPECT_EQ(Take(), "good");
}

TEST_F(HealthCheckTest, LogsInOnceAConnection) {
  settings_.auth = {.username = "", .password_file = "f", .password = "secret"};
  Make();
  Check();
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().TakeWritten(), "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n" + std::string(kPing));
  Node().Receive("+OK\r\n");
  EXPECT_EQ(Take(), "nothing");
  Node().Receive("+PONG\r\n");
  AnswerVersion();
  EXPECT_EQ(Take(), "good");
  Check();
  EXPECT_EQ(Node().TakeWritten(), kPing);
}

TEST_F(HealthCheckTest, FailsInTheNodesOwnWordsAndDropsTheConnection) {
  for (const char* words : {"LOADING Redis is loading the dataset in memory",
                            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
                            "NOAUTH Authentication required."}) {
    Make();
    CheckWell();
    Check();
    Node().Receive("-" + std::string(words) + "\r\n");
    EXPECT_EQ(Take(), words);
    EXPECT_TRUE(Node().closed());
    const size_t sockets = loop_.sockets();
    Check();
    EXPECT_EQ(loop_.sockets(), sockets + 1);
  }
}

TEST_F(HealthCheckTest, IsWellAnsweredByANodeThatOnlyRefusesSomething) {
  Make();
  CheckWell();
  for (const char* word : {"MISCONF", "READONLY", "OOM", "NOREPLICAS", "NOPERM"}) {
    Check();
    Node().Receive("-" + std::string(word) + " x\r\n");
    EXPECT_EQ(Take(), "good") << word;
  }
  EXPECT_EQ(loop_.sockets(), 1U);
}

TEST_F(HealthCheckTest, FailsWhenTheNodeRefusesTheConnection) {
  Make();
  Check();
  Node().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(Take(), "Connection refused");
  EXPECT_FALSE(check_->running());
}

TEST_F(HealthCheckTest, SaysWhatIsWrongWithANameInTheResolversWords) {
  settings_.endpoint.host = "redis-1.exampel";
  Make();
  Check();
  EXPECT_EQ(Node().endpoint.patience, options_.timeout);
  Node().observer->OnConnected(EAI_AGAIN);
  EXPECT_EQ(Take(), "cannot resolve redis-1.exampel: Temporary failure in name resolution");
}

TEST_F(HealthCheckTest, TakesANameThatIsNotResolvedInTimeForNoSilenceOfTheNode) {
  settings_.endpoint.host = "redis-1";
  Make();
  check_->Check([this](HealthCheck::CheckOutcome outcome, const std::string& why) {
    EXPECT_EQ(outcome, HealthCheck::CheckOutcome::kBad);
    outcomes_.push_back(why);
  });
  Node().is_resolving = true;
  loop_.Advance(500ms);
  EXPECT_EQ(Take(), "cannot resolve redis-1: no answer yet");
}

TEST_F(HealthCheckTest, FailsAfterExactlyItsTimeoutConnectingIncluded) {
  Make();
  Check();
  loop_.Advance(300ms);
  Node().observer->OnConnected(0);
  loop_.Advance(199ms);
  EXPECT_EQ(Take(), "nothing");
  loop_.Advance(1ms);
  EXPECT_EQ(Take(), "no answer to a check within 500ms");
  EXPECT_TRUE(Node().closed());
  loop_.Advance(1h);
  EXPECT_EQ(Take(), "nothing");
}

TEST_F(HealthCheckTest, HasNoTimeoutOnceItIsAnswered) {
  Make();
  CheckWell();
  loop_.Advance(1h);
  EXPECT_EQ(Take(), "nothing");
  EXPECT_FALSE(Node().closed());
}

TEST_F(HealthCheckTest, FailsWhenTheNodeClosesOrAnswersWhatIsNoReply) {
  Make();
  CheckWell();
  Check();
  Node().ReceiveEnd();
  EXPECT_EQ(Take(), "closed by the node");
  Check();
  Node().observer->OnConnected(0);
  Node().Receive("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_EQ(Take(), "not a reply of its protocol");
  Check();
  Node().observer->OnConnected(0);
  Node().Receive("+PO");
  Node().ReceiveEnd();
  EXPECT_EQ(Take(), "closed by the node");
}

// Servers close idle connections: the next check opens another, and nothing was wrong.
TEST_F(HealthCheckTest, OpensAnotherConnectionAfterTheNodeClosedAnIdleOneOrSaidSomethingUnasked) {
  for (const bool closes : {true, false}) {
    Make();
    CheckWell();
    closes ? Node().ReceiveEnd() : Node().Receive("+unasked\r\n");
    EXPECT_TRUE(Node().closed());
    EXPECT_EQ(Take(), "nothing");
    CheckWell();
  }
}

TEST_F(HealthCheckTest, TakesTheAnswerAlsoWhenTheNodeClosesRightAfterIt) {
  Make();
  CheckWell();
  Check();
  Node().end_of_stream = true;
  Node().incoming = "+PONG\r\n";
  Node().observer->OnReadable();
  EXPECT_EQ(Take(), "good");
  if (!Node().closed()) Node().observer->OnReadable();
  EXPECT_EQ(Take(), "nothing");
  CheckWell();
}

TEST_F(HealthCheckTest, FailsWhenItsQuestionCannotBeSent) {
  Make();
  CheckWell();
  Node().error = EPIPE;
  Check();
  EXPECT_EQ(Take(), "a check could not be sent");
  EXPECT_FALSE(check_->running());
  Check();
  Node().room = 3;
  Node().observer->OnConnected(0);
  EXPECT_EQ(Take(), "nothing");
  Node().error = EPIPE;
  Node().observer->OnWritable();
  EXPECT_EQ(Take(), "a check could not be sent");
  EXPECT_TRUE(Node().closed());
}

TEST_F(HealthCheckTest, GoesOnWithAQuestionOfWhichTheSocketTookOnlyAPart) {
  settings_.auth = {.username = "", .password_file = "f", .password = "secret"};
  Make();
  for (const bool is_first : {true, false}) {
    if (!is_first) Node().room = 3;
    Check();
    Node().room = 3;
    if (is_first) Node().observer->OnConnected(0);
    Node().room = 0;
    Node().observer->OnWritable();
    EXPECT_TRUE(Node().watches_writes);
    Node().room = 1000;
    Node().observer->OnWritable();
    EXPECT_FALSE(Node().watches_writes);
    EXPECT_EQ(Node().TakeWritten(), (is_first ? "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n" : "") + std::string(kPing));
    Node().Receive(is_first ? "+OK\r\n+PONG\r\n" : "+PONG\r\n");
    if (is_first) AnswerVersion();
    EXPECT_EQ(Take(), "good");
  }
  EXPECT_EQ(loop_.sockets(), 1U);
}

TEST_F(HealthCheckTest, IsNotAnsweredByWhatComesBeforeItsQuestionIsSent) {
  Make();
  CheckWell();
  Node().room = 3;
  Check();
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(Take(), "a reply to what was not sent yet");
  EXPECT_TRUE(Node().closed());
}

TEST_F(HealthCheckTest, GivesAQuestionThatTheSocketDoesNotTakeNoLongerThanItsTimeout) {
  Make();
  CheckWell();
  Node().room = 3;
  Check();
  loop_.Advance(500ms);
  EXPECT_EQ(Take(), "no answer to a check within 500ms");
  EXPECT_TRUE(Node().closed());
  // Nothing of it is left for the next connection.
  CheckWell();
}

TEST_F(HealthCheckTest, FailsWhileTheMaintenanceKeyExists) {
  options_.maintenance_key = "maint";
  Make();
  CheckWell();
  Check();
  EXPECT_EQ(Node().TakeWritten(), kPing);
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(Node().TakeWritten(), kExists);
  EXPECT_EQ(Take(), "nothing");
  Node().Receive(":1\r\n");
  EXPECT_EQ(Take(), "its maintenance key exists");
  CheckWell();
  Check();
  Node().Receive("+PONG\r\n");
  Node().Receive("-MASTERDOWN x\r\n");
  EXPECT_EQ(Take(), "MASTERDOWN x");
}

TEST_F(HealthCheckTest, GivesAllItsQuestionsOneTimeout) {
  options_.maintenance_key = "maint";
  Make();
  Check();
  Node().observer->OnConnected(0);
  loop_.Advance(400ms);
  Node().Receive("+PONG\r\n");
  loop_.Advance(100ms);
  EXPECT_EQ(Take(), "no answer to a check within 500ms");
}

TEST_F(HealthCheckTest, AsksMemcachedForANoopAndItsVersionWhereThatIsUnknown) {
  Make(conf::Protocol::kMemcached);
  CheckWell();
  Check();
  EXPECT_EQ(Node().TakeWritten(), "mn\r\n");
  Node().Receive("ERROR\r\n");
  EXPECT_EQ(Node().TakeWritten(), "version\r\n");
  Node().Receive("VERSION 1.4.4\r\n");
  EXPECT_EQ(Take(), "good");
  Check();
  Node().Receive("SERVER_ERROR out of memory\r\n");
  EXPECT_EQ(Take(), "SERVER_ERROR out of memory");
}

TEST_F(HealthCheckTest, AsksAMemcachedServerOnceAConnectionHowLargeAnItemMayBe) {
  Make(conf::Protocol::kMemcached);
  EXPECT_EQ(check_->item_size_max(), 0U);
  Check();
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().TakeWritten(), "mn\r\n");
  Node().Receive("MN\r\n");
  EXPECT_EQ(Node().TakeWritten(), "stats settings\r\n");
  Node().Receive("STAT item_size_max 1048576\r\nEND\r\n");
  EXPECT_EQ(Take(), "good");
  EXPECT_EQ(check_->item_size_max(), 1048576U);
  Check();
  EXPECT_EQ(Node().TakeWritten(), "mn\r\n");
  Node().Receive("MN\r\n");
  EXPECT_EQ(Take(), "good");
}

TEST_F(HealthCheckTest, EmptiesANodeInTheWordsOfItsProtocol) {
  Make();
  CheckWell();
  Flush();
  EXPECT_EQ(Node().TakeWritten(), kFlushAll);
  Node().Receive("+OK\r\n");
  EXPECT_EQ(Take(), "good");
  Flush();
  Node().Receive("-READONLY You can't write against a read only replica.\r\n");
  EXPECT_EQ(Take(), "READONLY You can't write against a read only replica.");
  Make(conf::Protocol::kMemcached);
  CheckWell();
  Flush();
  EXPECT_EQ(Node().TakeWritten(), "flush_all\r\n");
  Node().Receive("OK\r\n");
  EXPECT_EQ(Take(), "good");
  Flush();
  Node().Receive("ERROR\r\n");
  EXPECT_EQ(Take(), "it could not be emptied");
}

TEST_F(HealthCheckTest, LogsInBeforeItEmptiesANodeItIsNotConnectedTo) {
  options_.maintenance_key = "maint";
  settings_.auth = {.username = "", .password_file = "f", .password = "p"};
  Make();
  Flush();
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().TakeWritten(), "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n" + std::string(kPing));
  Node().Receive("+OK\r\n+PONG\r\n");
  EXPECT_EQ(Node().TakeWritten(), kFlushAll);
  Node().Receive("+OK\r\n");
  EXPECT_EQ(Take(), "good");
}

TEST_F(HealthCheckTest, ForgetsItsQuestionWhenStopped) {
  Make();
  Check();
  check_->Stop();
  EXPECT_FALSE(check_->running());
  EXPECT_TRUE(Node().closed());
  loop_.Advance(1h);
  EXPECT_EQ(Take(), "nothing");
  CheckWell();
  check_->Stop();
  CheckWell();
}

TEST_F(HealthCheckTest, MayBeAskedAgainFromWithinItsAnswer) {
  Make();
  CheckWell();
  int good = 0;
  check_->Check([&](auto, const std::string&) {
    check_->Flush([&](auto, const std::string&) {
      check_->Check(
          [&](auto outcome, const std::string&) { good += outcome == HealthCheck::CheckOutcome::kGood ? 1 : 0; });
    });
  });
  Node().Receive("+PONG\r\n+OK\r\n+PONG\r\n");
  EXPECT_EQ(good, 1);
  EXPECT_EQ(Node().TakeWritten(), std::string(kPing) + kFlushAll + kPing);
  // And after a failure: over a new connection.
  check_->Check([&](auto, const std::string&) { check_->Check(Record()); });
  Node().Receive("-LOADING x\r\n");
  EXPECT_EQ(loop_.sockets(), 2U);
  Node().observer->OnConnected(0);
  Node().Receive("+PONG\r\n");
  AnswerVersion();
  EXPECT_EQ(Take(), "good");
}

TEST_F(HealthCheckTest, LeavesNothingBehindWhenItDiesWithAQuestionUnderWay) {
  Make();
  Check();
  check_.reset();
  EXPECT_TRUE(Node().closed());
  loop_.Advance(1h);
  EXPECT_EQ(Take(), "nothing");
}

TEST_F(HealthCheckTest, IsNotAskedWhenThisProcessCannotOpenAConnection) {
  spdlog::set_level(spdlog::level::off);
  Make();
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL}) {
    const uint64_t before = OwnTroubles(Attempt::kCheck);
    Check();
    Node().observer->OnConnected(error);
    EXPECT_EQ(Take(), std::string("not asked: ") + std::strerror(error));
    EXPECT_EQ(OwnTroubles(Attempt::kCheck), before + 1);
    EXPECT_TRUE(Node().closed());
  }
  Check();
  Node().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(Take(), std::strerror(ECONNREFUSED));
  CheckWell();
}

}  // namespace
}  // namespace ringproxy::backends
