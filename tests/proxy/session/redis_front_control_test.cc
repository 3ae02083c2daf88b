// SCRIPT KILL and FUNCTION KILL around a whole worker: what they reach, whatever else is under way, and what is read.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kBusy =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
constexpr std::string_view kNotBusy = "-NOTBUSY No scripts in execution right now.\r\n";
constexpr std::string_view kUnkillable = "-UNKILLABLE Sorry the script already executed write commands.\r\n";

class RedisFrontControlTest : public RedisFrontTest {
 protected:
  // The control links that were opened since there were so many sockets, one a node, which have carried the request;
  // each is told `ping` when it says hello.
  std::vector<test::FakeSocket*> Greet(size_t before, const std::vector<std::string>& request,
                                       std::string_view ping = "+PONG\r\n") {
    std::vector<test::FakeSocket*> links;
    for (size_t i = before; i < loop_.sockets(); ++i) {
      test::FakeSocket& link = loop_.socket(i);
      link.observer->OnConnected(0);
      link.TakeWritten();
      link.Receive(std::string(ping));
      Settle();
      EXPECT_EQ(link.TakeWritten(), Encode(request));
      links.push_back(&link);
    }
    EXPECT_EQ(links.size(), 2U);
    return links;
  }
  std::vector<test::FakeSocket*> Kill(test::FakeSocket& client, const std::vector<std::string>& request,
                                      std::string_view ping = "+PONG\r\n") {
    const size_t before = loop_.sockets();
    EXPECT_TRUE(Ask(client, {request}).empty());
    return Greet(before, request, ping);
  }
  std::string Answer(test::FakeSocket& link, test::FakeSocket& client, std::string_view reply) {
    link.Receive(std::string(reply));
    Settle();
    return client.TakeWritten();
  }
};

TEST_F(RedisFrontControlTest, ItReachesANodeWhoseOtherLinkAScriptHolds) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  Ask(client, {{"EVAL", "while true do end", "1", KeyOf(0)}});
  EXPECT_THAT(Node(0).TakeWritten(), HasSubstr("while true do end"));
  const auto links = Kill(other, {"SCRIPT", "KILL"}, kBusy);
  EXPECT_EQ(Answer(*links[1], other, kNotBusy), "");
  EXPECT_EQ(Answer(*links[0], other, "+OK\r\n"), "+OK\r\n");
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  EXPECT_EQ(Answer(Node(0), client, "-ERR Error running script\r\n"), "-ERR Error running script\r\n");
  // Over the same links.
  const size_t sockets = loop_.sockets();
  EXPECT_TRUE(Ask(other, {{"FUNCTION", "KILL"}}).empty());
  for (test::FakeSocket* link : links) EXPECT_EQ(link->TakeWritten(), Encode({"FUNCTION", "KILL"}));
  EXPECT_EQ(loop_.sockets(), sockets);
}

TEST_F(RedisFrontControlTest, TheNodesThatHaveNothingToEndHaveNoSay) {
  Start();
  test::FakeSocket& client = NewClient();
  const auto links = Kill(client, {"SCRIPT", "KILL"});
  const auto ask = [&](std::string_view first, std::string_view second) {
    links[0]->Receive(std::string(first));
    const std::string reply = Answer(*links[1], client, second);
    EXPECT_TRUE(Ask(client, {{"SCRIPT", "KILL"}}).empty());
    return reply;
  };
  EXPECT_EQ(ask(kNotBusy, kUnkillable), kUnkillable);
  EXPECT_EQ(ask("+OK\r\n", kUnkillable), "+OK\r\n");
  EXPECT_EQ(ask(kNotBusy, kNotBusy), kNotBusy);
  // Nobody knows what runs there.
  links[0]->ReceiveEnd();
  EXPECT_THAT(Answer(*links[1], client, kNotBusy), StartsWith("-NODEDOWN "));
}

TEST_F(RedisFrontControlTest, ItWaitsForWhatItsOwnClientHasAskedAndWhatComesBehindWaitsForIt) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  Ask(client, {{"GET", KeyOf(0)}, {"SCRIPT", "KILL"}, {"GET", KeyOf(1)}});
  EXPECT_EQ(loop_.sockets(), sockets);
  EXPECT_EQ(Answer(Node(0), client, "$-1\r\n"), "$-1\r\n");
  const auto links = Greet(sockets, {"SCRIPT", "KILL"});
  EXPECT_EQ(Answer(*links[0], client, kNotBusy), "");
  EXPECT_EQ(Node(1).TakeWritten(), "");
  EXPECT_EQ(Answer(*links[1], client, kNotBusy), kNotBusy);
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", KeyOf(1)}));
  EXPECT_EQ(Answer(Node(1), client, "$-1\r\n"), "$-1\r\n");
}

TEST_F(RedisFrontControlTest, WithinATransactionItIsNotOneNodesAlone) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"SCRIPT", "KILL"}, {"EXEC"}}),
              testing::ElementsAre("+OK\r\n", HasSubstr("within a transaction it would concern several nodes"),
                                   StartsWith("-EXECABORT ")));
}

TEST_F(RedisFrontControlTest, TheLimitsCountIt) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "kills";
  limit.match.command = {"script|kill"};
  limit.rate = {.amount = 1};
  limit.burst = 1;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const auto links = Kill(client, {"SCRIPT", "KILL"});
  links[0]->Receive(std::string(kNotBusy));
  EXPECT_EQ(Answer(*links[1], client, kNotBusy), kNotBusy);
  EXPECT_THAT(AskOne(client, {"SCRIPT", "KILL"}), StartsWith("-RATELIMITED"));
}

}  // namespace
}  // namespace ringproxy::proxy
