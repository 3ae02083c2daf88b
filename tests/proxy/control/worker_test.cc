#include "proxy/control/worker.h"

#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

class WorkerTest : public WorkerFixture {};

TEST_F(WorkerTest, ForwardsARequestUntouchedAndReturnsItsReply) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string request = Encode({"gEt", KeyOf(1)});
  client.Receive(request);
  EXPECT_EQ(Node(1).written, "");  // Nodes are written at the end of the turn.
  Settle();
  EXPECT_EQ(Node(1).TakeWritten(), request);
  EXPECT_EQ(Node(0).TakeWritten(), "");
  Node(1).Receive("$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(client.TakeWritten(), "$1\r\nv\r\n");
}

TEST_F(WorkerTest, SendsTheRequestsOfAllClientsOfATurnInOneWriteANode) {
  Start();
  for (int i = 0; i < 10; ++i) NewClient().Receive(Encode({"GET", KeyOf(0)}));
  Node(0).writes = 0;
  Settle();
  EXPECT_EQ(Node(0).writes, 1U);
}

TEST_F(WorkerTest, HoldsASmallBatchOneTurnForOtherClientsButNotForALoneOne) {
  Start();
  const std::string get = Encode({"GET", KeyOf(0)});
  test::FakeSocket& first = NewClient();
  first.Receive(get);
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kMayWait);
  EXPECT_EQ(Node(0).TakeWritten(), get);
  test::FakeSocket& second = NewClient();
  first.Receive(get);
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kAtOnce);
  EXPECT_EQ(Node(0).written, "");
  second.Receive(get);
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kMayWait);
  EXPECT_EQ(Node(0).TakeWritten(), get + get);
}

TEST_F(WorkerTest, SendsALargeBatchAtOnce) {
  Start();
  NewClient();
  NewClient().Receive(Encode({"SET", KeyOf(0), std::string(1000, 'v')}));
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kMayWait);
  EXPECT_NE(Node(0).TakeWritten(), "");
}

// Trap 13.
TEST_F(WorkerTest, LetsALocalErrorWaitBehindASlowNode) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}) + Encode({"NOSUCH"}) + Encode({"PING"}));
  Settle();
  Node(1).Receive("$3\r\ntwo\r\n");
  Settle();
  EXPECT_EQ(client.written, "");
  Node(0).Receive("$3\r\none\r\n");
  Settle();
  EXPECT_EQ(client.TakeWritten(),
            "$3\r\none\r\n$3\r\ntwo\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n+PONG\r\n");
}

TEST_F(WorkerTest, HoldsABatchForItsRestAndSendsItInOneWrite) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
  Settle();
  client.writes = 0;
  Node(0).Receive("$1\r\na\r\n");
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kAtOnce);
  EXPECT_EQ(client.writes, 0U);
  Node(1).Receive("$1\r\nb\r\n");
  loop_.EndTurn();
  EXPECT_EQ(client.written, "$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(client.writes, 1U);
}

TEST_F(WorkerTest, HoldsNothingOnceTheLoopIsIdle) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
  Settle();
  Node(0).Receive("$1\r\na\r\n");
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kAtOnce);
  EXPECT_EQ(loop_.EndTurn(), net::NextTurn::kMayWait);
  EXPECT_EQ(client.written, "$1\r\na\r\n");
}

// Trap 12.
TEST_F(WorkerTest, AnswersAHalfClosedClientBeforeItCloses) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}));
  client.ReceiveEnd();
  Settle();
  EXPECT_FALSE(client.closed());
  Node(0).Receive("$-1\r\n");
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n");
  EXPECT_TRUE(client.closed());
}

// Trap 11.
TEST_F(WorkerTest, QuitAnswersWhatCameBeforeAndIgnoresWhatFollows) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"QUIT"}) + Encode({"SET", KeyOf(0), "x"}));
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", KeyOf(0)}));
  Node(0).Receive("$-1\r\n");
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n+OK\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(WorkerTest, CountsTheRepliesOfAClientThatHasLeft) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"MGET", KeyOf(0), KeyOf(1)}));
  Settle();
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  EXPECT_EQ(worker_->session_count(), 0U);
  test::FakeSocket& next = NewClient();  // Takes the place of the one that left.
  Node(0).Receive("$4\r\nlost\r\n*1\r\n$4\r\nlost\r\n");
  Node(1).Receive("*1\r\n$4\r\nlost\r\n");
  Settle();
  EXPECT_EQ(next.written, "");
  EXPECT_EQ(stats_->stale_replies.value(), 2U);
  EXPECT_EQ(worker_->open_fanouts(), 0U);
}

TEST_F(WorkerTest, StopsReadingAClientWhoseQueueIsFullAndReadsOnLater) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.requests_in_flight = 2;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string get = Encode({"GET", KeyOf(0)});
  client.Receive(get + get + get + get + get);
  Settle();
  EXPECT_FALSE(client.watches_reads);
  EXPECT_EQ(Node(0).TakeWritten(), get + get);
  for (int i = 0; i < 5; ++i) {
    Node(0).Receive(":" + std::to_string(i) + "\r\n");
    Settle();
  }
  EXPECT_EQ(client.written, ":0\r\n:1\r\n:2\r\n:3\r\n:4\r\n");
  EXPECT_TRUE(client.watches_reads);
}

TEST_F(WorkerTest, DisconnectsAClientThatDoesNotRead) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.output_bytes = 1000;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.room = 0;
  client.Receive(Encode({"ECHO", std::string(600, 'x')}));
  Settle();
  EXPECT_FALSE(client.closed());
  client.Receive(Encode({"ECHO", std::string(600, 'x')}));
  Settle();
  EXPECT_TRUE(client.closed());
}

TEST_F(WorkerTest, ClosesAfterAProtocolErrorAndOnlyThatClient) {
  Start();
  test::FakeSocket& good = NewClient();
  test::FakeSocket& bad = NewClient();
  bad.Receive(Encode({"GET", KeyOf(0)}) + "*1\r\n+oops\r\n");
  Settle();
  EXPECT_FALSE(bad.closed());  // Its first request is still under way.
  Node(0).Receive("$-1\r\n");
  Settle();
  EXPECT_EQ(bad.written, "$-1\r\n-ERR Protocol error: expected '$', got '+'\r\n");
  EXPECT_TRUE(bad.closed());
  EXPECT_FALSE(good.closed());
}

TEST_F(WorkerTest, ClosesAnIdleClientAfterItsTimeoutButNoneThatWaitsForAReply) {
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = 2s;
  config.pools[0].timeouts.request = 10s;
  Start(std::move(config));
  test::FakeSocket& idle = NewClient();
  test::FakeSocket& waiting = NewClient();
  waiting.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(4s);
  Settle();
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(waiting.closed());
}

TEST_F(WorkerTest, DrainsByFinishingWhatIsInFlight) {
  Start();
  test::FakeSocket& idle = NewClient();
  test::FakeSocket& busy = NewClient();
  busy.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  bool drained = false;
  worker_->Drain([&] { drained = true; });
  Settle();
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(drained);
  Node(0).Receive("$-1\r\n");
  Settle();
  EXPECT_EQ(busy.written, "$-1\r\n");
  EXPECT_TRUE(busy.closed());
  EXPECT_TRUE(drained);
}

TEST_F(WorkerTest, GivesMemoryBackAfterABurst) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"SET", KeyOf(0), std::string(1 << 20, 'v')}));
  Settle();
  Node(0).Receive("+OK\r\n");
  Settle();
  EXPECT_EQ(worker_->blocks().blocks_in_use(), 0U);
  loop_.Advance(3s);
  EXPECT_EQ(worker_->blocks().free_bytes(), 0U);
}

}  // namespace
}  // namespace ringproxy::proxy
