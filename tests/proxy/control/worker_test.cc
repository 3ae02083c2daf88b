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

TEST_F(WorkerTest, DrainsByFinishingWhatIsInFlight) {
  Start();
  test::FakeSocket& idle = NewClient();
  test::FakeSocket& busy = NewClient();
  busy.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  bool drained = false;
  worker_->Drain({}, [&] { drained = true; });
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

TEST_F(WorkerTest, TakesNoRequestsOfAClientThatComesWhileItDrains) {
  Start();
  test::FakeSocket& busy = NewClient();
  busy.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  worker_->Drain({}, [] {});
  test::FakeSocket& late = NewClient();
  late.Receive(Encode({"PING"}));
  Settle();
  EXPECT_TRUE(late.closed());
  EXPECT_EQ(late.written, "");
  EXPECT_FALSE(busy.closed());
}

TEST_F(WorkerTest, ShowsTheClientsThatAreThere) {
  Start();
  NewClient();
  test::FakeSocket& leaves = NewClient();
  NewClient();
  leaves.ReceiveEnd();
  Settle();
  EXPECT_EQ(worker_->clients().Answer({.deed = ClientQuestion::Deed::kList}).lines.size(), 2U);
  EXPECT_EQ(stats_->clients.open.value(), 2U);
}

TEST_F(WorkerTest, HandsLargeRepliesOnOrCountsThemWhenTheirClientHasLeft) {
  Start();
  const std::string large = "$1000000\r\n" + std::string(1'000'000, 'L') + "\r\n";
  test::FakeSocket& stays = NewClient();
  test::FakeSocket& leaves = NewClient();
  stays.Receive(Encode({"MGET", KeyOf(0), KeyOf(1)}));
  leaves.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  leaves.error = ECONNRESET;
  leaves.observer->OnReadable();
  Settle();
  Node(0).Receive("*1\r\n" + large + large);
  Node(1).Receive("*1\r\n" + large);
  Settle();
  EXPECT_EQ(stays.written, "*2\r\n" + large + large);
  EXPECT_EQ(stats_->clients.stale_replies.value(), 1U);
}

}  // namespace
}  // namespace ringproxy::proxy
