// Clients that subscribe and publish: what they read, and what the nodes are told.
#include "tests/proxy/session/redis_front_pubsub_fixture.h"

namespace ringproxy::proxy {
namespace {

using std::chrono::seconds;

TEST_F(RedisFrontPubSubTest, SubscribesOnceAtEachNodeHoweverManyListen) {
  Start();
  test::FakeSocket& first = NewClient();
  OpenLinks(first, "c");
  test::FakeSocket& second = NewClient();
  EXPECT_THAT(AskOne(second, {"HELLO", "3"}), StartsWith("%7"));
  second.Receive(Encode({"SUBSCRIBE", "c"}));
  Settle();
  EXPECT_EQ(second.TakeWritten(), Ack("subscribe", "c", 1, '>')) << "it is confirmed already";
  EXPECT_EQ(links_[0]->TakeWritten() + links_[1]->TakeWritten(), "");
  links_[1]->Receive(Message("c", "hello"));
  Settle();
  EXPECT_EQ(first.TakeWritten(), Message("c", "hello"));
  EXPECT_EQ(second.TakeWritten(), Message("c", "hello", '>'));
  // The last one that leaves ends it.
  first.ReceiveEnd();
  Settle();
  EXPECT_EQ(links_[0]->TakeWritten() + links_[1]->TakeWritten(), "");
  second.Receive(Encode({"UNSUBSCRIBE", "c"}));
  Confirm("unsubscribe", "c");
  EXPECT_EQ(second.TakeWritten(), Ack("unsubscribe", "c", 0, '>'));
}

TEST_F(RedisFrontPubSubTest, AcknowledgesWhenEveryNodeHasConfirmedAndHoldsMessagesUntilThen) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  client.Receive(Encode({"SUBSCRIBE", "d"}) + Encode({"PING"}));
  Settle();
  links_[0]->Receive(Ack("subscribe", "d", 2) + Message("d", "early"));
  Settle();
  EXPECT_EQ(client.TakeWritten(), "");
  links_[1]->Receive(Ack("subscribe", "d", 2));
  EXPECT_EQ(Replies(client), (std::vector<std::string>{Ack("subscribe", "d", 2), Message("d", "early"),
                                                       "*2\r\n$4\r\npong\r\n$0\r\n\r\n"}));
}

TEST_F(RedisFrontPubSubTest, WaitsASecondForASilentNodeAndCountsWhatItMayHaveMissed) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  client.Receive(Encode({"SUBSCRIBE", "d"}));
  Settle();
  links_[0]->Receive(Ack("subscribe", "d", 2));
  loop_.Advance(std::chrono::milliseconds(1001));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Ack("subscribe", "d", 2)});
  // It is known to be late, so the next one does not wait for it.
  client.Receive(Encode({"SUBSCRIBE", "e"}));
  Settle();
  links_[0]->Receive(Ack("subscribe", "e", 3));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Ack("subscribe", "e", 3)});
  links_[1]->Receive(Ack("subscribe", "d", 2) + Ack("subscribe", "e", 3) + Message("e", "x"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Message("e", "x")});
  EXPECT_EQ(Gaps(0), 0U);
  EXPECT_EQ(Gaps(1), 2U);
}

TEST_F(RedisFrontPubSubTest, SubscribesAgainAtANodeThatIsBack) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  links_[0]->ReceiveEnd();
  links_[0] = &loop_.last_socket();
  Greet(0);
  EXPECT_EQ(links_[0]->TakeWritten(), Encode({"subscribe", "c"}));
  EXPECT_EQ(Gaps(0), 1U);
  links_[0]->Receive(Ack("subscribe", "c", 1) + Message("c", "x"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Message("c", "x")});
}

TEST_F(RedisFrontPubSubTest, EndsConnectionsWhenTheirPoolSaysSoOfAGap) {
  Start(conf::OnGap::kDisconnect);
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  OpenLinks(client, "c");
  links_[0]->ReceiveEnd();
  Settle();
  EXPECT_TRUE(client.closed());
  EXPECT_FALSE(other.closed());
}

TEST_F(RedisFrontPubSubTest, RefusesAllButAFewCommandsToASubscriberInResp2) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  EXPECT_EQ(AskOne(client, {"GET", "x"}),
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
            "this context\r\n");
  EXPECT_EQ(Refusals("get", wire::ErrorCode::kNotSupported), 1U);
  EXPECT_EQ(AskOne(client, {"PING", "x"}), "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
  client.Receive(Encode({"RESET"}));
  Confirm("unsubscribe", "c");
  EXPECT_EQ(Replies(client), std::vector<std::string>{"+RESET\r\n"});
  EXPECT_TRUE(Executes(client));
}

TEST_F(RedisFrontPubSubTest, ReadsTheWordsOfANodeThatRefusesAndIsNoSubscriberThen) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  client.Receive(Encode({"SUBSCRIBE", "d"}));
  Settle();
  links_[0]->Receive("-NOPERM not this one\r\n");
  links_[1]->Receive(Ack("subscribe", "d", 2));
  EXPECT_EQ(Replies(client), std::vector<std::string>{"-NOPERM not this one\r\n"});
  EXPECT_EQ(AskOne(client, {"UNSUBSCRIBE", "nosuch"}), Ack("unsubscribe", "nosuch", 1));
}

TEST_F(RedisFrontPubSubTest, GivesALinkUpThatSaysWhatNobodyAsked) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  links_[0]->Receive(Ack("subscribe", "other", 1));
  EXPECT_TRUE(links_[0]->closed());
  links_[1]->Receive(Message("c", "x"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Message("c", "x")});
}

TEST_F(RedisFrontPubSubTest, CountsListenersInPlaceOfLinks) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  test::FakeSocket& second = NewClient();
  second.Receive(Encode({"SUBSCRIBE", "c"}));
  Settle();
  test::FakeSocket& publisher = NewClient();
  const uint32_t owner = RouteKey(*snapshot_, snapshot_->listeners[0], "c").node;
  publisher.Receive(Encode({"PUBLISH", "c", "x"}));
  Settle();
  EXPECT_EQ(Node(owner).TakeWritten(), Encode({"PUBLISH", "c", "x"}));
  // Its own link, and three that are not this process's.
  Node(owner).Receive(":4\r\n");
  EXPECT_EQ(Replies(publisher), std::vector<std::string>{":5\r\n"});
  publisher.Receive(Encode({"PUBSUB", "NUMSUB", "c", "d"}));
  Settle();
  Node(0).Receive("*4\r\n$1\r\nc\r\n:4\r\n$1\r\nd\r\n:0\r\n");
  Node(1).Receive("*4\r\n$1\r\nc\r\n:1\r\n$1\r\nd\r\n:2\r\n");
  EXPECT_EQ(Replies(publisher), std::vector<std::string>{"*4\r\n$1\r\nc\r\n:5\r\n$1\r\nd\r\n:2\r\n"});
  publisher.Receive(Encode({"PUBSUB", "CHANNELS"}) + Encode({"PUBSUB", "NUMPAT"}));
  Settle();
  Node(0).Receive("*2\r\n$1\r\nc\r\n$1\r\na\r\n:1\r\n");
  Node(1).Receive("*1\r\n$1\r\nc\r\n:3\r\n");
  EXPECT_EQ(Replies(publisher), (std::vector<std::string>{"*2\r\n$1\r\na\r\n$1\r\nc\r\n", ":3\r\n"}));
}

TEST_F(RedisFrontPubSubTest, ResetsBehindWhatStandsBeforeItAndBeforeWhatStandsBehindIt) {
  Start();
  test::FakeSocket& first = NewClient();
  OpenLinks(first, "c");
  test::FakeSocket& client = NewClient();
  EXPECT_THAT(AskOne(client, {"HELLO", "3"}), StartsWith("%7"));
  client.Receive(Encode({"SUBSCRIBE", "c"}));
  Settle();
  EXPECT_EQ(client.TakeWritten(), Ack("subscribe", "c", 1, '>'));
  first.ReceiveEnd();
  Settle();
  const size_t before = loop_.sockets();
  client.Receive(Encode({"PUBSUB", "NUMPAT"}) + Encode({"RESET"}) + Encode({"PUBSUB", "NUMPAT"}));
  test::FakeSocket* const resp3[] = {&loop_.socket(before), &loop_.socket(before + 1)};
  for (test::FakeSocket* const link : resp3) {
    link->observer->OnConnected(0);
    link->TakeWritten();
    link->Receive("%1\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n+PONG\r\n");
    Settle();
    EXPECT_EQ(link->TakeWritten(), Encode({"PUBSUB", "NUMPAT"}));
  }
  // It still listens, in its protocol.
  links_[0]->Receive(Message("c", "x"));
  Settle();
  EXPECT_EQ(client.TakeWritten(), Message("c", "x", '>'));
  for (test::FakeSocket* const link : resp3) link->Receive(":0\r\n");
  EXPECT_EQ(Replies(client), std::vector<std::string>{":0\r\n"});
  EXPECT_EQ(Node(0).TakeWritten(), "");
  // Nobody hears any more.
  links_[0]->Receive(Message("c", "y"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{});
  Confirm("unsubscribe", "c");
  EXPECT_EQ(Replies(client), std::vector<std::string>{"+RESET\r\n"});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"PUBSUB", "NUMPAT"}));
  EXPECT_EQ(stats_->listeners[0].requests[wire::CommandIndex(*wire::FindRedisCommand("reset"))].value(), 1u);
}

TEST_F(RedisFrontPubSubTest, AsksOtherNodesWhileOneIsLost) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"PUBSUB", "NUMPAT"}));
  Settle();
  Node(0).Receive(":2\r\n");
  Node(1).ReceiveEnd();
  EXPECT_EQ(Replies(client), std::vector<std::string>{":2\r\n"});
}

TEST_F(RedisFrontPubSubTest, PublishesWhenTheClientsWritesElsewhereAreAnswered) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string channel = KeyOf(1);
  client.Receive(Encode({"SET", KeyOf(0), "v"}) + Encode({"PUBLISH", channel, "x"}) +
                 Encode({"PUBLISH", channel, "y"}) + Encode({"GET", KeyOf(1)}));
  Settle();
  EXPECT_EQ(Node(1).TakeWritten(), "");
  Node(0).Receive("+OK\r\n");
  Settle();
  EXPECT_EQ(Node(1).TakeWritten(),
            Encode({"PUBLISH", channel, "x"}) + Encode({"PUBLISH", channel, "y"}) + Encode({"GET", KeyOf(1)}));
  Node(1).Receive(":0\r\n:0\r\n$-1\r\n");
  EXPECT_EQ(Replies(client), (std::vector<std::string>{"+OK\r\n", ":0\r\n", ":0\r\n", "$-1\r\n"}));
}

TEST_F(RedisFrontPubSubTest, ListensToSomethingElseOnlyWhenWhatCameBeforeIsAnswered) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  test::FakeSocket& other = NewClient();
  other.Receive(Encode({"PUBSUB", "NUMSUB", "c"}) + Encode({"SUBSCRIBE", "c"}) + Encode({"PING"}));
  Settle();
  Node(0).Receive("*2\r\n$1\r\nc\r\n:1\r\n");
  Node(1).Receive("*2\r\n$1\r\nc\r\n:1\r\n");
  EXPECT_EQ(Replies(other), (std::vector<std::string>{"*2\r\n$1\r\nc\r\n:1\r\n", Ack("subscribe", "c", 1),
                                                      "*2\r\n$4\r\npong\r\n$0\r\n\r\n"}));
}

TEST_F(RedisFrontPubSubTest, PublishesAlsoForAClientThatSendsNothingMore) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"SET", KeyOf(0), "v"}) + Encode({"PUBLISH", KeyOf(1), "x"}) + Encode({"QUIT"}));
  client.ReceiveEnd();
  Settle();
  Node(0).Receive("+OK\r\n");
  Settle();
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"PUBLISH", KeyOf(1), "x"}));
  Node(1).Receive(":0\r\n");
  EXPECT_EQ(Replies(client), (std::vector<std::string>{"+OK\r\n", ":0\r\n", "+OK\r\n"}));
}

TEST_F(RedisFrontPubSubTest, FollowsTheNodesOfAnotherConfiguration) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  conf::Config config = snapshot_->config;
  config.pools[0].nodes = {{"r1", {"10.0.0.2", 1, ""}, 1}, {"r2", {"10.0.0.3", 1, ""}, 1}};
  const size_t before = loop_.sockets();
  worker_->Adopt(NewSnapshot(std::move(config)));
  Settle();
  EXPECT_TRUE(links_[0]->closed());
  EXPECT_FALSE(links_[1]->closed());
  // One for requests and one for subscriptions.
  ASSERT_EQ(loop_.sockets(), before + 2);
  for (size_t i = before; i < before + 2; ++i) {
    loop_.socket(i).observer->OnConnected(0);
    loop_.socket(i).TakeWritten();
    loop_.socket(i).Receive("+PONG\r\n");
  }
  Settle();
  EXPECT_EQ(loop_.socket(before).TakeWritten() + loop_.socket(before + 1).TakeWritten(), Encode({"subscribe", "c"}));
  EXPECT_EQ(Gaps(0) + Gaps(1), 0U);
  links_[1]->Receive(Message("c", "x"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Message("c", "x")});
}

TEST_F(RedisFrontPubSubTest, AsksASilentLinkWhetherItLivesAndGivesItUp) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  const auto wait = [this](int count) {
    for (int i = 0; i < count; ++i) {
      loop_.Advance(seconds(1));
      Settle();
    }
  };
  wait(17);
  EXPECT_EQ(links_[0]->TakeWritten(), Encode({"PING"}));
  links_[0]->Receive("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  wait(17);
  EXPECT_FALSE(links_[0]->closed());
  EXPECT_TRUE(links_[1]->closed());
}

}  // namespace
}  // namespace ringproxy::proxy
