// Clients that change their protocol or their database.
#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

class RedisFrontFlavourTest : public RedisFrontTest {
 protected:
  void Start() {
    conf::Config config = TwoNodes();
    // No link waits for its turn to connect.
    config.pools[0].reconnect.rate = {1000, std::chrono::seconds(1)};
    WorkerFixture::Start(std::move(config));
  }
  // Those that were opened since, one for each node that was asked.
  std::vector<test::FakeSocket*> NewLinks(size_t before) {
    std::vector<test::FakeSocket*> links;
    for (size_t i = before; i < loop_.sockets(); ++i) links.push_back(&loop_.socket(i));
    return links;
  }
  // Answers a greeting; what is written then is what waited for it.
  std::string Greet(test::FakeSocket& link, const std::string& replies) {
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive(replies);
    Settle();
    return link.TakeWritten();
  }

  static constexpr const char* kHello3 = "%1\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n+PONG\r\n";
};

// The next request takes another link, on which it could overtake those before.
TEST_F(RedisFrontFlavourTest, WaitsForWhatIsUnderWayWhenTheClientChangesItsProtocol) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t before = loop_.sockets();
  const std::string get = Encode({"GET", KeyOf(0)});
  client.Receive(Encode({"SET", KeyOf(0), "v"}) + Encode({"HELLO", "3"}) + get + Encode({"HELLO", "2"}) + get);
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"SET", KeyOf(0), "v"}));
  EXPECT_EQ(client.TakeWritten(), "");
  EXPECT_EQ(loop_.sockets(), before);
  Node(0).Receive("+OK\r\n");
  Settle();
  ASSERT_EQ(NewLinks(before).size(), 1U);
  test::FakeSocket& link = *NewLinks(before)[0];
  EXPECT_EQ(Greet(link, kHello3), get);
  EXPECT_EQ(Node(0).TakeWritten(), "") << "the second GET waits for the first";
  link.Receive("$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), get);
  Node(0).Receive("$1\r\nv\r\n");
  const std::vector<std::string> replies = Replies(client);
  ASSERT_EQ(replies.size(), 5U);
  EXPECT_EQ(replies[0], "+OK\r\n");
  EXPECT_THAT(replies[1], AllOf(StartsWith("%7\r\n"), HasSubstr("proto\r\n:3\r\n")));
  EXPECT_EQ(replies[2], "$1\r\nv\r\n");
  EXPECT_THAT(replies[3], StartsWith("*14\r\n"));
}

TEST_F(RedisFrontFlavourTest, AnswersNilsOfSplitCommandsInTheClientsProtocol) {
  Start();
  test::FakeSocket& client = NewClient();
  Ask(client, {{"HELLO", "3"}});
  const size_t before = loop_.sockets();
  client.Receive(Encode({"MGET", KeyOf(0), KeyOf(1)}));
  Settle();
  ASSERT_EQ(NewLinks(before).size(), 2U);
  for (test::FakeSocket* link : NewLinks(before)) {
    EXPECT_THAT(Greet(*link, kHello3), StartsWith("*2\r\n$4\r\nMGET\r\n"));
    link->Receive("*1\r\n_\r\n");
  }
  EXPECT_EQ(Replies(client), std::vector<std::string>{"*2\r\n_\r\n_\r\n"});
}

TEST_F(RedisFrontFlavourTest, TakesNothingFurtherUntilTheNodesHaveAcceptedADatabase) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t before = loop_.sockets();
  client.Receive(Encode({"SELECT", "3"}) + Encode({"CLIENT", "INFO"}) + Encode({"GET", KeyOf(0)}));
  Settle();
  const std::vector<test::FakeSocket*> links = NewLinks(before);
  ASSERT_EQ(links.size(), 2U);
  for (test::FakeSocket* link : links) EXPECT_EQ(Greet(*link, "+OK\r\n+PONG\r\n"), Encode({"SELECT", "3"}));
  links[0]->Receive("+OK\r\n");
  EXPECT_EQ(Replies(client).size(), 0U);
  links[1]->Receive("+OK\r\n");
  Settle();
  EXPECT_EQ(links[0]->TakeWritten() + links[1]->TakeWritten(), Encode({"GET", KeyOf(0)})) << "in the database";
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  for (test::FakeSocket* link : links) link->Receive("$-1\r\n");
  const std::vector<std::string> replies = Replies(client);
  ASSERT_GE(replies.size(), 2U);
  EXPECT_EQ(replies[0], "+OK\r\n");
  EXPECT_THAT(replies[1], HasSubstr(" db=3 "));
}

// Nobody need ask again what the nodes have accepted, and for no database below either.
TEST_F(RedisFrontFlavourTest, AsksTheNodesOnceForADatabase) {
  Start();
  test::FakeSocket& first = NewClient();
  const size_t before = loop_.sockets();
  first.Receive(Encode({"SELECT", "3"}));
  Settle();
  for (test::FakeSocket* link : NewLinks(before)) {
    Greet(*link, "+OK\r\n+PONG\r\n");
    link->Receive("+OK\r\n");
  }
  EXPECT_EQ(Replies(first), std::vector<std::string>{"+OK\r\n"});
  test::FakeSocket& second = NewClient();
  const size_t sockets = loop_.sockets();
  EXPECT_EQ(Ask(second, {{"SELECT", "2"}, {"SELECT", "3"}, {"SELECT", "0"}}),
            (std::vector<std::string>{"+OK\r\n", "+OK\r\n", "+OK\r\n"}));
  EXPECT_EQ(loop_.sockets(), sockets);
  // A reload may have brought nodes that have fewer.
  conf::Config config = TwoNodes();
  config.pools[0].reconnect.rate = {1000, std::chrono::seconds(1)};
  config.listeners[0].databases = 17;
  worker_->Adopt(NewSnapshot(config));
  Settle();
  second.Receive(Encode({"SELECT", "3"}));
  Settle();
  EXPECT_EQ(Replies(second).size(), 0U);
}

TEST_F(RedisFrontFlavourTest, StaysInItsDatabaseWhenANodeRefusesAnother) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t before = loop_.sockets();
  client.Receive(Encode({"SELECT", "9"}) + Encode({"CLIENT", "INFO"}));
  Settle();
  ASSERT_EQ(NewLinks(before).size(), 2U);
  Greet(*NewLinks(before)[0], "+OK\r\n+PONG\r\n");
  NewLinks(before)[0]->Receive("+OK\r\n");
  EXPECT_EQ(Greet(*NewLinks(before)[1], "-ERR DB index is out of range\r\n+PONG\r\n"), "");
  const std::vector<std::string> replies = Replies(client);
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0], "-ERR DB index is out of range\r\n");
  EXPECT_THAT(replies[1], HasSubstr(" db=0 "));
  EXPECT_TRUE(Executes(client));
}

TEST_F(RedisFrontFlavourTest, AClientThatLeavesWhileTheNodesAreAskedIsMissedByNobody) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t before = loop_.sockets();
  client.Receive(Encode({"SELECT", "3"}));
  Settle();
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  for (test::FakeSocket* link : NewLinks(before)) {
    Greet(*link, "+OK\r\n+PONG\r\n");
    link->Receive("+OK\r\n");
  }
  Settle();
  EXPECT_EQ(stats_->clients.stale_replies.value(), 1U);
  EXPECT_EQ(worker_->open_fanouts(), 0U);
}

}  // namespace
}  // namespace ringproxy::proxy
