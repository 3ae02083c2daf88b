// Clients that wait for replicas of two nodes, around a whole worker: what they read, and what reaches the nodes.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "tests/proxy/session/pinned_client_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::IsEmpty;
using testing::StartsWith;

class RedisFrontReplicaWaitTest : public PinnedClientFixture {
 protected:
  // Both nodes have been told to wait, over links of the client's own, numbers 70 and 71.
  test::FakeSocket& Wait(const std::vector<std::string>& request) {
    test::FakeSocket& client = NewClient();
    Begin(client, request);
    for (uint32_t i = 0; i < 2; ++i) {
      EXPECT_EQ(Answer(Link(i), client, ":0\r\n"), "");
      EXPECT_EQ(Link(i).TakeWritten(), Encode(request));
    }
    return client;
  }
  // They have been told to publish something first.
  void Begin(test::FakeSocket& client, const std::vector<std::string>& request) {
    first_link_ = loop_.sockets();
    EXPECT_EQ(Ask(client, {request}), "");
    ASSERT_EQ(loop_.sockets(), first_link_ + 2);
    for (uint32_t i = 0; i < 2; ++i) {
      Link(i).observer->OnConnected(0);
      Link(i).TakeWritten();
      Link(i).Receive("+PONG\r\n");
      Settle();
      EXPECT_EQ(Link(i).TakeWritten(), Encode({"CLIENT", "ID"}) + Encode({"SPUBLISH", "ringproxy:wait", ""}));
      EXPECT_EQ(Answer(Link(i), client, ":7" + std::to_string(i) + "\r\n"), "");
    }
  }
  test::FakeSocket& Control() {
    test::FakeSocket& control = loop_.last_socket();
    control.observer->OnConnected(0);
    control.TakeWritten();
    control.Receive("+PONG\r\n");
    Settle();
    return control;
  }
  static std::string UnblockOf(int number) { return Encode({"CLIENT", "UNBLOCK", std::to_string(number), "TIMEOUT"}); }
  test::FakeSocket& Link(size_t i) { return loop_.socket(first_link_ + i); }
  uint64_t Leased() {
    const auto nodes = AllNodes(*snapshot_);
    return nodes[0]->stats(0).pinned_links.value() + nodes[1]->stats(0).pinned_links.value();
  }

  size_t first_link_ = 0;
};

TEST_F(RedisFrontReplicaWaitTest, TheLeastNumberOfAllNodesCounts) {
  Start();
  test::FakeSocket& client = Wait({"WAIT", "2", "0"});
  EXPECT_EQ(Answer(Link(0), client, ":3\r\n"), "");
  EXPECT_EQ(Answer(Link(1), client, ":2\r\n"), ":2\r\n");
  EXPECT_EQ(Leased(), 0U);
  EXPECT_FALSE(Link(0).closed());
  EXPECT_FALSE(Link(1).closed());
}

TEST_F(RedisFrontReplicaWaitTest, DisksAndReplicasCountEachForThemselves) {
  Start();
  test::FakeSocket& client = Wait({"WAITAOF", "1", "2", "0"});
  EXPECT_EQ(Answer(Link(1), client, "*2\r\n:1\r\n:2\r\n"), "");
  EXPECT_EQ(Answer(Link(0), client, "*2\r\n:0\r\n:3\r\n"), "*2\r\n:0\r\n:2\r\n");
}

TEST_F(RedisFrontReplicaWaitTest, WhatTheClientHasWrittenIsAnsweredBefore) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  EXPECT_EQ(Ask(client, {{"SET", KeyOf(0), "v"}, {"WAIT", "1", "0"}, {"PING"}}), "");
  EXPECT_EQ(loop_.sockets(), sockets);
  EXPECT_EQ(Answer(Node(0), client, "+OK\r\n"), "+OK\r\n");
  EXPECT_EQ(loop_.sockets(), sockets + 2);
}

TEST_F(RedisFrontReplicaWaitTest, AServerWithoutShardChannelsIsToldAMessage) {
  Start();
  test::FakeSocket& client = NewClient();
  Begin(client, {"WAIT", "1", "0"});
  for (uint32_t i = 0; i < 2; ++i) {
    Answer(Link(i), client, "-ERR unknown command `SPUBLISH`, with args beginning with: \r\n");
    EXPECT_EQ(Link(i).TakeWritten(), Encode({"PUBLISH", "ringproxy:wait", ""}));
    Answer(Link(i), client, ":0\r\n");
    EXPECT_EQ(Link(i).TakeWritten(), Encode({"WAIT", "1", "0"}));
  }
  EXPECT_EQ(Answer(Link(0), client, ":1\r\n") + Answer(Link(1), client, ":1\r\n"), ":1\r\n");
}

TEST_F(RedisFrontReplicaWaitTest, WhatANodeRefusesIsReadAndTheOthersWaitNoLonger) {
  Start();
  test::FakeSocket& client = NewClient();
  Begin(client, {"WAIT", "1", "0"});
  EXPECT_EQ(Answer(Link(0), client, ":0\r\n"), "");
  EXPECT_EQ(Answer(Link(1), client, "-NOPERM no channels\r\n"), "");
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(70));
  // The node has not read its command yet.
  control.Receive(":0\r\n");
  Settle();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(70));
  control.Receive(":1\r\n");
  EXPECT_EQ(Answer(Link(0), client, ":0\r\n"), "-NOPERM no channels\r\n");
  EXPECT_EQ(Leased(), 0U);
  EXPECT_FALSE(Link(0).closed());
}

TEST_F(RedisFrontReplicaWaitTest, NothingIsSentBehindARefusal) {
  Start();
  test::FakeSocket& client = NewClient();
  Begin(client, {"WAIT", "1", "0"});
  EXPECT_EQ(Answer(Link(1), client, "-NOPERM no channels\r\n"), "");
  EXPECT_EQ(Answer(Link(0), client, ":0\r\n"), "-NOPERM no channels\r\n");
  EXPECT_THAT(Link(0).TakeWritten(), IsEmpty());
  EXPECT_EQ(Leased(), 0U);
}

TEST_F(RedisFrontReplicaWaitTest, ALostLinkIsAnErrorAndEndsTheOthers) {
  Start();
  test::FakeSocket& client = Wait({"WAIT", "1", "0"});
  Link(0).ReceiveEnd();
  EXPECT_EQ(Read(client), "");
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(71));
  control.Receive(":1\r\n");
  EXPECT_THAT(Answer(Link(1), client, ":1\r\n"), StartsWith("-"));
  EXPECT_EQ(Leased(), 0U);
}

TEST_F(RedisFrontReplicaWaitTest, AClientThatIsGoneEndsIt) {
  Start();
  test::FakeSocket& client = Wait({"WAIT", "1", "0"});
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  EXPECT_TRUE(Link(0).closed());
  EXPECT_TRUE(Link(1).closed());
  EXPECT_EQ(Leased(), 0U);
}

TEST_F(RedisFrontReplicaWaitTest, AWordThatIsNoNumberIsAskedOfOneNode) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  EXPECT_EQ(Ask(client, {{"WAIT", "x", "0"}}), "");
  EXPECT_EQ(loop_.sockets(), sockets + 1);
}

TEST_F(RedisFrontReplicaWaitTest, MoreNodesThanAClientMayHaveLinksAreNotAsked) {
  conf::Config config = TwoNodes();
  config.listeners[0].pinned_per_client = 1;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  EXPECT_THAT(Ask(client, {{"WAIT", "1", "0"}}), StartsWith("-ERR max number of connections to nodes of one client's"));
  EXPECT_EQ(loop_.sockets(), sockets);
}

TEST_F(RedisFrontReplicaWaitTest, AWorkerMayEndMeanwhile) {
  Start();
  Wait({"WAIT", "1", "0"});
}

}  // namespace
}  // namespace ringproxy::proxy
