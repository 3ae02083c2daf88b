#include "proxy/local/client_question.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using Deed = ClientQuestion::Deed;
using test::TestRequest;

class NearEnd final : public net::Stream {
 public:
  void SetObserver(net::StreamObserver&) override {}
  net::IoResult Read(char*, size_t) override { return {}; }
  net::IoResult Write(std::span<const iovec>) override { return {}; }
  void EndWrites() override {}
  void WatchReads(bool) override {}
  void WatchWrites(bool) override {}
  std::string local_address() const override { return "127.0.0.1:6380"; }
};

class ClientQuestionTest : public testing::Test {
 protected:
  ClientQuestionTest() { client_.connected_at = net::TimePoint(940s); }

  static std::optional<ClientQuestion> Read(std::string_view line, std::string* error) {
    const TestRequest request(TestRequest::Split(line));
    return ReadClientQuestion(request, error);
  }
  static ClientQuestion Read(std::string_view line) {
    std::string error;
    const auto question = Read(line, &error);
    EXPECT_TRUE(question) << line << ": " << error;
    EXPECT_EQ(error, "");
    return question.value_or(ClientQuestion{});
  }
  static std::string ErrorOf(std::string_view line) {
    std::string error;
    EXPECT_FALSE(Read(line, &error)) << line;
    return error;
  }
  // Of id 7, one minute old.
  bool Fits(std::string_view line) { return Read(line).filter.Fits(facts_, net::TimePoint(1000s)); }
  static std::string Reply(std::string_view line, ClientAnswer answer, uint8_t protocol = 2) {
    std::string reply;
    AppendClientAnswer(Read(line), std::move(answer), protocol, &reply);
    return reply;
  }

  ClientState client_ = NewClient(7, "127.0.0.1:50412");
  NearEnd socket_;
  ClientFacts facts_{.client = client_, .listener = 0, .stream = socket_};
};

TEST_F(ClientQuestionTest, ListSelectsByTypeOrById) {
  EXPECT_TRUE(Fits("client list"));
  EXPECT_TRUE(Fits("CLIENT LIST TYPE Normal"));
  for (const char* type : {"master", "replica", "slave", "pubsub"})
    EXPECT_FALSE(Fits(std::string("client list type ") + type));
  EXPECT_TRUE(Fits("client list id 9 7 3"));
  EXPECT_FALSE(Fits("client list id 9 8"));
  EXPECT_FALSE(Fits("client list id 0 -1"));  // Nobody's, but no error to Redis either.
  facts_.subscriptions = {0, 0, 1};
  EXPECT_TRUE(Fits("client list type pubsub"));
  EXPECT_FALSE(Fits("client list type normal"));
}

TEST_F(ClientQuestionTest, ListSaysWhatIsWrongInTheWordsOfRedis) {
  EXPECT_EQ(ErrorOf("client list type x"), "-ERR Unknown client type 'x'\r\n");
  EXPECT_EQ(ErrorOf("client list id 1 x"), "-ERR Invalid client ID\r\n");
  for (const char* bad : {"client list foo", "client list id", "client list type normal x"})
    EXPECT_EQ(ErrorOf(bad), "-ERR syntax error\r\n") << bad;
}

TEST_F(ClientQuestionTest, KillInItsOldFormMeansOneAddressAndTheAskerToo) {
  const ClientQuestion question = Read("client kill 127.0.0.1:50412");
  EXPECT_EQ(question.deed, Deed::kKill);
  EXPECT_TRUE(question.must_find);
  EXPECT_FALSE(question.filter.skips_asker);
  EXPECT_TRUE(Fits("client kill 127.0.0.1:50412"));
  EXPECT_FALSE(Fits("client kill 127.0.0.1:5041"));
}

TEST_F(ClientQuestionTest, KillMeansWhomAllItsOptionsFit) {
  for (const char* line : {"client kill id 7", "client kill addr 127.0.0.1:50412", "client kill laddr 127.0.0.1:6380",
                           "client kill type normal", "client kill user default", "client kill maxage 60",
                           "client kill ID 7 TYPE normal SKIPME no"})
    EXPECT_TRUE(Fits(line)) << line;
  for (const char* line : {"client kill id 8", "client kill addr 127.0.0.1:1", "client kill laddr 127.0.0.1:1",
                           "client kill type pubsub", "client kill maxage 61", "client kill id 7 type replica"})
    EXPECT_FALSE(Fits(line)) << line;
  EXPECT_TRUE(Read("client kill id 7").filter.skips_asker);
  EXPECT_FALSE(Read("client kill id 7 skipme no").filter.skips_asker);
  EXPECT_TRUE(Read("client kill id 7 skipme YES").filter.skips_asker);
  EXPECT_FALSE(Read("client kill id 7").must_find);
}

TEST_F(ClientQuestionTest, KillSaysWhatIsWrongInTheWordsOfRedis) {
  for (const char* id : {"x", "0", "-1"})
    EXPECT_EQ(ErrorOf(std::string("client kill id ") + id), "-ERR client-id should be greater than 0\r\n");
  EXPECT_EQ(ErrorOf("client kill type x"), "-ERR Unknown client type 'x'\r\n");
  EXPECT_EQ(ErrorOf("client kill user x"), "-ERR No such user 'x'\r\n");
  EXPECT_EQ(ErrorOf("client kill maxage x"), "-ERR maxage is not an integer or out of range\r\n");
  EXPECT_EQ(ErrorOf("client kill maxage 0"), "-ERR maxage should be greater than 0\r\n");
  for (const char* bad : {"client kill id 7 type", "client kill skipme x", "client kill foo x"})
    EXPECT_EQ(ErrorOf(bad), "-ERR syntax error\r\n") << bad;
}

TEST_F(ClientQuestionTest, UnblockNamesOneClientAndWhatItReads) {
  EXPECT_TRUE(Fits("client unblock 7"));
  EXPECT_FALSE(Fits("client unblock 8"));
  EXPECT_FALSE(Read("client unblock 7 TIMEOUT").with_error);
  EXPECT_TRUE(Read("client unblock 7 error").with_error);
  EXPECT_EQ(ErrorOf("client unblock 7 x"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
  EXPECT_EQ(ErrorOf("client unblock x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(ErrorOf("client unblock 1 error x"),
            "-ERR unknown subcommand or wrong number of arguments for 'unblock'. Try CLIENT HELP.\r\n");
}

TEST_F(ClientQuestionTest, PauseTakesAnyTimeAndHoldsEverythingUnlessItSaysWrite) {
  EXPECT_EQ(Read("client pause 100").time, 100ms);
  EXPECT_TRUE(Read("client pause 100").all);
  EXPECT_TRUE(Read("client pause 100 ALL").all);
  EXPECT_FALSE(Read("client pause 100 write").all);
  EXPECT_EQ(Read("client pause 60000000").time, 60'000'000ms);
  EXPECT_EQ(Read("client pause 0").time, 0ms);
  EXPECT_EQ(Read("client unpause").deed, Deed::kUnpause);
  EXPECT_EQ(ErrorOf("client pause -1"), "-ERR timeout is negative\r\n");
  for (const char* time : {"x", "1.5", "+5", "05", "-0", "9223372036854775808"})
    EXPECT_EQ(ErrorOf(std::string("client pause ") + time), "-ERR timeout is not an integer or out of range\r\n");
  EXPECT_EQ(ErrorOf("client pause 1 x"), "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
  EXPECT_EQ(ErrorOf("client pause 1 all x"),
            "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.\r\n");
}

TEST_F(ClientQuestionTest, TheLongestPauseEndsWhereTheClockStillCanTell) {
  const std::chrono::milliseconds time = Read("client pause 9223372036854775807").time;
  EXPECT_EQ(time, kLongestPause);
  EXPECT_GT(net::TimePoint(10min) + time, net::TimePoint(10min));
}

TEST_F(ClientQuestionTest, AnswersOfWorkersAreAddedUpAndLinesStandInTheOrderOfIds) {
  ClientAnswer answer{.count = 1, .lines = {{9, "id=9\n"}, {2, "id=2\n"}}};
  answer.Add({.count = 2, .kills_asker = true, .lines = {{5, "id=5\n"}}});
  EXPECT_TRUE(answer.kills_asker);
  EXPECT_EQ(Reply("client kill type normal", answer), ":3\r\n");
  EXPECT_EQ(Reply("client list", answer), "$15\r\nid=2\nid=5\nid=9\n\r\n");
  EXPECT_EQ(Reply("client list", answer, 3), "=19\r\ntxt:id=2\nid=5\nid=9\n\r\n");
}

TEST_F(ClientQuestionTest, WhoeverFindsNobodyReadsSo) {
  EXPECT_EQ(Reply("client kill 127.0.0.1:1", {}), "-ERR No such client\r\n");
  EXPECT_EQ(Reply("client kill 127.0.0.1:1", {.count = 1}), "+OK\r\n");
  EXPECT_EQ(Reply("client kill id 7", {}), ":0\r\n");
  EXPECT_EQ(Reply("client unblock 7", {}), ":0\r\n");
  EXPECT_EQ(Reply("client unblock 7", {.count = 1}), ":1\r\n");
  EXPECT_EQ(Reply("client list id 3", {}), "$0\r\n\r\n");
  EXPECT_EQ(Reply("client pause 1", {}), "+OK\r\n");
  EXPECT_EQ(Reply("client unpause", {}), "+OK\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
