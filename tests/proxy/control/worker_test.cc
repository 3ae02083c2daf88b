#include "proxy/control/worker.h"

#include <malloc.h>

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

// See semantics.md 13.
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

// See semantics.md 12.
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

// See semantics.md 11.
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
  EXPECT_EQ(stats_->clients.stale_replies.value(), 2U);
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

TEST_F(WorkerTest, ReadsOnAfterTheWriteToANodeFailedEveryRequestOfAFullQueue) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.requests_in_flight = 2;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string get = Encode({"GET", KeyOf(0)});
  client.Receive(get + get + Encode({"PING"}));
  EXPECT_FALSE(client.watches_reads);
  Node(0).error = EPIPE;  // Told by the write at the end of this very turn.
  Settle();
  for (int i = 0; i < 5; ++i) Settle();
  EXPECT_TRUE(client.written.ends_with("+PONG\r\n")) << client.written;
  EXPECT_TRUE(client.watches_reads);
}

TEST_F(WorkerTest, CountsTheIdleTimeoutFromTheLastReply) {
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = 2s;
  config.pools[0].timeouts.request = 10s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(4900ms);
  Settle();
  Node(0).Receive("$-1\r\n");
  Settle();
  loop_.Advance(100ms);
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n");
  EXPECT_FALSE(client.closed());
}

TEST_F(WorkerTest, DeliversAReplyThatCameInTheTurnOfTheIdleCheck) {
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = 2s;
  config.pools[0].timeouts.request = 10s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(4900ms);
  Settle();
  Node(0).Receive("$-1\r\n");
  loop_.Advance(100ms);  // The tick falls into the same turn.
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n");
}

TEST_F(WorkerTest, GivesAClientThatReadsAReplyLargerThanItsOutputLimit) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.output_bytes = 1000;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"ECHO", std::string(2000, 'x')}));
  Settle();
  EXPECT_EQ(client.written.size(), 2000U + std::string("$2000\r\n\r\n").size());
  EXPECT_FALSE(client.closed());
}

TEST_F(WorkerTest, GivesASlowReaderAReplyLargerThanItsOutputLimitPieceByPiece) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.output_bytes = 64 << 10;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.room = 1000;
  client.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  const std::string reply = "$1000000\r\n" + std::string(1'000'000, 'L') + "\r\n";
  Node(0).Receive(reply);
  Settle();
  while (!client.closed() && client.written.size() < reply.size()) {
    client.room = 50'000;
    client.observer->OnWritable();
    Settle();
  }
  EXPECT_EQ(client.written, reply);
}

TEST_F(WorkerTest, SendsACommandForAnyNodeToOneThatIsUp) {
  spdlog::set_level(spdlog::level::off);
  snapshot_ = NewSnapshot(TwoNodes());
  stats_ = std::make_unique<WorkerStats>(*snapshot_);
  MakeWorker();
  worker_->Start();
  loop_.socket(0).observer->OnConnected(ECONNREFUSED);
  loop_.socket(1).observer->OnConnected(0);
  loop_.socket(1).Receive("+PONG\r\n");
  loop_.socket(1).TakeWritten();
  loop_.EndTurn();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"LOLWUT"}));
  Settle();
  EXPECT_EQ(client.written, "");
  EXPECT_EQ(loop_.socket(1).written, Encode({"LOLWUT"}));
}

TEST_F(WorkerTest, GivesTheMemoryOfALargeLocalReplyBack) {
  Start();
  const auto used = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const size_t before = used();
  {
    test::FakeSocket& client = NewClient();
    client.Receive(Encode({"ECHO", std::string(64 << 20, 'x')}));
    Settle();
    EXPECT_GT(client.written.size(), 64U << 20);
    std::string().swap(client.written);
    std::string().swap(client.incoming);
    loop_.Advance(3s);
    Settle();
  }
  EXPECT_LT(used(), before + (8 << 20));
}

}  // namespace
}  // namespace ringproxy::proxy
