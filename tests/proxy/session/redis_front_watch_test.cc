// Clients that watch keys around a whole worker: what they read, and what reaches a node over which link.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "tests/proxy/session/pinned_client_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kNothing = "*-1\r\n";

class RedisFrontWatchTest : public PinnedClientFixture {
 protected:
  static void Greet(test::FakeSocket& link, const std::string& greeting = "+PONG\r\n") {
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive(greeting);
  }
  // The client watches the key over a link of its own, which is returned.
  test::FakeSocket& Watch(test::FakeSocket& client, const std::string& key) {
    EXPECT_EQ(Ask(client, {{"WATCH", key}}), "");
    test::FakeSocket& link = loop_.last_socket();
    Greet(link);
    Settle();
    EXPECT_EQ(link.TakeWritten(), Encode({"WATCH", key}));
    EXPECT_EQ(Answer(link, client, "+OK\r\n"), "+OK\r\n");
    return link;
  }
  uint64_t Pinned(size_t node = 0) { return AllNodes(*snapshot_)[node]->stats(0).pinned_links.value(); }
  void Adopt(conf::Config config) {
    snapshot_ = NewSnapshot(std::move(config));
    worker_->Adopt(snapshot_);
    Settle();
  }
  std::string Batch(const std::vector<std::vector<std::string>>& requests) {
    std::string all = Encode({"MULTI"});
    for (const auto& request : requests) all += Encode(request);
    return all + Encode({"EXEC"});
  }
};

TEST_F(RedisFrontWatchTest, AClientThatDoesNothingForTooLongGivesItsLinkBack) {
  conf::Config config = TwoNodes();
  config.listeners[0].watch_idle = 5s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  for (int i = 0; i < 3; ++i) {
    loop_.Advance(4s);
    EXPECT_EQ(Ask(client, {{"PING"}}), "+PONG\r\n");
  }
  EXPECT_THAT(link.TakeWritten(), IsEmpty());
  loop_.Advance(5s);
  Settle();
  EXPECT_EQ(link.TakeWritten(), Encode({"UNWATCH"}));
  EXPECT_EQ(Answer(link, client, "+OK\r\n"), "");
  EXPECT_EQ(Pinned(), 0U);
  EXPECT_FALSE(link.closed());
  const std::vector<std::vector<std::string>> set = {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}};
  EXPECT_EQ(Ask(client, set), "+OK\r\n+QUEUED\r\n" + std::string(kNothing));
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  EXPECT_EQ(Ask(client, set), "+OK\r\n+QUEUED\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), Batch({{"SET", key, "v"}}));
}

TEST_F(RedisFrontWatchTest, AQueueErrorIsReadBeforeThat) {
  conf::Config config = TwoNodes();
  config.listeners[0].watch_idle = 5s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  Watch(client, KeyOf(0));
  loop_.Advance(6s);
  Settle();
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"NOSUCH"}, {"EXEC"}}), HasSubstr("-EXECABORT "));
}

TEST_F(RedisFrontWatchTest, WithoutABoundItWatchesForEver) {
  conf::Config config = TwoNodes();
  config.listeners[0].watch_idle = {};
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Watch(client, KeyOf(0));
  loop_.Advance(1h);
  Settle();
  EXPECT_THAT(link.TakeWritten(), IsEmpty());
  EXPECT_EQ(Pinned(), 1U);
}

// Else it would read another node's value, and write by it what is watched at this one.
TEST_F(RedisFrontWatchTest, NoOtherNodeStandsInForTheOneWhereTheClientWatches) {
  conf::Config config = TwoNodes();
  config.pools[0].on_down.policy = conf::DownPolicy::kRehash;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  AllNodes(*snapshot_)[0]->Publish(backends::Verdict::kEjected);
  EXPECT_THAT(Ask(client, {{"GET", key}}), StartsWith("-NODEDOWN "));
  EXPECT_EQ(link.TakeWritten(), "");
  EXPECT_EQ(Node(1).TakeWritten(), "");
  // It holds for nobody else.
  Ask(other, {{"GET", key}});
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", key}));
  Node(1).Receive("$-1\r\n");
}

TEST_F(RedisFrontWatchTest, AllThatTheClientSendsToTheNodeTakesItsLinkUpToExec) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  EXPECT_EQ(Pinned(), 1U);
  Ask(client, {{"GET", key}, {"GET", KeyOf(1)}});
  EXPECT_EQ(link.TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", KeyOf(1)}));
  Node(1).Receive("$-1\r\n");
  EXPECT_EQ(Answer(link, client, "$-1\r\n"), "$-1\r\n$-1\r\n");
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}, {"GET", key}}), "+OK\r\n+QUEUED\r\n");
  EXPECT_EQ(link.TakeWritten(), Batch({{"SET", key, "v"}}));
  // What comes behind it takes the shared link, and waits until the transaction is answered.
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  EXPECT_EQ(Answer(link, client, "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n"), "*1\r\n+OK\r\n");
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Pinned(), 0U);
  EXPECT_FALSE(link.closed());
}

TEST_F(RedisFrontWatchTest, ItWaitsForWhatTheClientHasSentBefore) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(Ask(client, {{"SET", key, "v"}, {"WATCH", key}, {"GET", key}}), "");
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"SET", key, "v"}));
  const size_t links = loop_.sockets();
  EXPECT_EQ(Answer(Node(0), client, "+OK\r\n"), "+OK\r\n");
  ASSERT_EQ(loop_.sockets(), links + 1);
  test::FakeSocket& link = loop_.last_socket();
  Greet(link);
  Settle();
  EXPECT_EQ(link.TakeWritten(), Encode({"WATCH", key}));
  EXPECT_EQ(Answer(link, client, "+OK\r\n"), "+OK\r\n");
  Settle();
  EXPECT_EQ(link.TakeWritten(), Encode({"GET", key}));
}

TEST_F(RedisFrontWatchTest, AClientThatDrainsStillGetsItsTurn) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  Ask(client, {{"SET", key, "v"}, {"WATCH", key}});
  client.ReceiveEnd();
  worker_->Drain({}, [] {});
  EXPECT_EQ(Answer(Node(0), client, "+OK\r\n"), "+OK\r\n");
  Greet(loop_.last_socket());
  Settle();
  EXPECT_EQ(Answer(loop_.last_socket(), client, "+OK\r\n"), "+OK\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(RedisFrontWatchTest, ALinkThatIsLostBeforeExecReadsAsAChangedKey) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  Ask(client, {{"MULTI"}, {"SET", key, "v"}});
  link.ReceiveEnd();
  Settle();
  // The link has come back, but the watch has not.
  test::FakeSocket& next = loop_.last_socket();
  if (&next != &link) Greet(next);
  EXPECT_EQ(Ask(client, {{"EXEC"}}), kNothing);
  EXPECT_THAT(next.TakeWritten(), testing::Not(HasSubstr("EXEC")));
  EXPECT_EQ(Ask(client, {{"HELLO", "3"}}).substr(0, 1), "%");
}

TEST_F(RedisFrontWatchTest, AnExecThatWasWrittenAndGotNoReplyIsNeverNil) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}});
  link.Receive("+OK\r\n+QUEUED\r\n");
  link.ReceiveEnd();
  EXPECT_EQ(Read(client), "-ERR transaction sent to r0, no reply: it may have run\r\n");
  EXPECT_EQ(Pinned(), 0U);
}

TEST_F(RedisFrontWatchTest, AnExecThatNeverLeftIsNil) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  link.room = 0;
  Ask(client, {{"GET", key}, {"MULTI"}, {"SET", key, "v"}, {"EXEC"}});
  loop_.Advance(10s);
  EXPECT_THAT(Read(client), testing::EndsWith(kNothing));
  EXPECT_EQ(Pinned(), 0U);
}

TEST_F(RedisFrontWatchTest, AnotherConfigurationReadsAsAChangedKey) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  Adopt(TwoNodes());
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}}), "+OK\r\n+QUEUED\r\n" + std::string(kNothing));
  // The node has stayed, and so has the link: it is made clean.
  EXPECT_EQ(link.TakeWritten(), Encode({"UNWATCH"}));
  link.Receive("+OK\r\n");
  EXPECT_EQ(Pinned(), 0U);
  EXPECT_FALSE(link.closed());
}

TEST_F(RedisFrontWatchTest, ANodeThatLeavesTakesItsLinksAlong) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  conf::Config config = TwoNodes();
  config.pools[0].nodes.erase(config.pools[0].nodes.begin());
  Adopt(std::move(config));
  EXPECT_TRUE(link.closed());
  Settle();
  EXPECT_EQ(worker_->leaving_nodes(), 0U);
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}}), "+OK\r\n+QUEUED\r\n" + std::string(kNothing));
}

TEST_F(RedisFrontWatchTest, UnwatchAndClientsThatLeaveGiveTheLinkBackClean) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  Ask(client, {{"GET", key}});
  link.TakeWritten();
  EXPECT_EQ(Ask(client, {{"UNWATCH"}, {"GET", key}}), "");
  EXPECT_EQ(link.TakeWritten(), Encode({"UNWATCH"}));
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  EXPECT_EQ(Answer(link, client, "$1\r\nv\r\n"), "$1\r\nv\r\n+OK\r\n");
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Pinned(), 1U);
  link.Receive("+OK\r\n");
  EXPECT_EQ(Pinned(), 0U);
  // The next client gets the same one.
  const size_t sockets = loop_.sockets();
  test::FakeSocket& other = NewClient();
  Ask(other, {{"WATCH", key}});
  EXPECT_EQ(link.TakeWritten(), Encode({"WATCH", key}));
  EXPECT_EQ(Answer(link, other, "+OK\r\n"), "+OK\r\n");
  other.ReceiveEnd();
  Settle();
  EXPECT_EQ(link.TakeWritten(), Encode({"UNWATCH"}));
  EXPECT_EQ(loop_.sockets(), sockets + 1);
  // One that does not become clean serves nobody.
  link.Receive("-ERR no\r\n");
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Pinned(), 0U);
}

TEST_F(RedisFrontWatchTest, AFailedWatchLetsNothingRunUnwatched) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  Ask(client, {{"WATCH", key}});
  test::FakeSocket& link = loop_.last_socket();
  Greet(link);
  Settle();
  EXPECT_EQ(Answer(link, client, "-NOPERM no\r\n"), "-NOPERM no\r\n");
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}}),
              HasSubstr("-EXECABORT Transaction discarded because of: ERR the WATCH before it has failed"));
  EXPECT_THAT(Ask(client, {{"WATCH", key, KeyOf(1)}}), StartsWith("-CROSSSLOT "));
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"EXEC"}}), HasSubstr("-EXECABORT "));
  // DISCARD and UNWATCH forget it.
  Ask(client, {{"WATCH", key, KeyOf(1)}, {"UNWATCH"}});
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"EXEC"}}), "+OK\r\n*0\r\n");
}

TEST_F(RedisFrontWatchTest, TooManyReadAnError) {
  conf::Config config = TwoNodes();
  config.pools[0].pinned_per_node = 1;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  Watch(client, KeyOf(0));
  EXPECT_THAT(Ask(other, {{"WATCH", KeyOf(0)}}), StartsWith("-ERR max number of blocked clients of r0 reached: "));
  Watch(other, KeyOf(1));
}

TEST_F(RedisFrontWatchTest, AnotherDatabaseAndProtocolAreRepeatedOnTheLink) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  EXPECT_EQ(Ask(client, {{"HELLO", "3"}}).substr(0, 1), "%");
  EXPECT_EQ(link.TakeWritten(), Encode({"HELLO", "3"}));
  Ask(client, {{"GET", key}});
  EXPECT_EQ(link.TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Answer(link, client, "%1\r\n+server\r\n+redis\r\n_\r\n"), "_\r\n");
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"EXEC"}}), "+OK\r\n");
  EXPECT_EQ(link.TakeWritten(), Batch({}));
  EXPECT_EQ(Answer(link, client, "+OK\r\n_\r\n"), "_\r\n");
  // It speaks something else than it was opened for.
  EXPECT_TRUE(link.closed());
}

TEST_F(RedisFrontWatchTest, ARefusalByTheLimitsEndsIt) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "writes";
  limit.match.command = {"write"};
  limit.rate = {.amount = 1};
  limit.burst = 1;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  test::FakeSocket& link = Watch(client, key);
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"SET", key, "1"}, {"SET", key, "2"}, {"EXEC"}}), HasSubstr("RATELIMITED"));
  EXPECT_EQ(link.TakeWritten(), Encode({"UNWATCH"}));
}

TEST_F(RedisFrontWatchTest, AWorkerMayEndInTheMiddle) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  Watch(client, KeyOf(0));
  Watch(other, KeyOf(0));
  Ask(other, {{"MULTI"}, {"PING"}, {"EXEC"}});
  Ask(NewClient(), {{"WATCH", KeyOf(1)}});
}

}  // namespace
}  // namespace ringproxy::proxy
