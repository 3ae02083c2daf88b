// Clients that meet limits, around a whole worker: what they read, who waits, and who does not.
#include "tests/proxy/control/limited_worker_fixture.h"

namespace ringproxy::proxy {
namespace {

class LimitsWorkerTest : public LimitedWorkerFixture {};

TEST_F(LimitsWorkerTest, ARefusedFanOutAsksNoNode) {
  conf::Limit limit = TenASecond(3);
  limit.cost = conf::LimitCost::kCommand;
  StartWith(limit);
  test::FakeSocket& client = NewClient();
  Ask(client, Encode({"MGET", KeyOf(0), KeyOf(1)}) + Encode({"MGET", KeyOf(0), KeyOf(1)}));
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"MGET", KeyOf(0)}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"MGET", KeyOf(1)}));
  Reply("*1\r\n$1\r\na\r\n", 0);
  Reply("*1\r\n$1\r\nb\r\n", 1);
  EXPECT_EQ(client.TakeWritten(), "*2\r\n$1\r\na\r\n$1\r\nb\r\n-RATELIMITED retry_after_ms=100 limit=slow\r\n");
}

TEST_F(LimitsWorkerTest, ADelayedRequestOfAnySizeIsSentAsItCame) {
  for (const size_t size : {size_t{100}, size_t{1} << 20}) {
    StartWith(Delaying(TenASecond(1)));
    test::FakeSocket& client = NewClient();
    const std::string set = Encode({"SET", key_, std::string(size, 'v')});
    Ask(client, get_ + set + get_);
    Node(0).TakeWritten();
    Ask(client, std::string(size, 'x'));  // Its buffers are used for other things meanwhile.
    Advance(100ms);
    EXPECT_EQ(Node(0).TakeWritten(), set);
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

TEST_F(LimitsWorkerTest, ManyDelayedRequestsOfOneClientGoOneAfterTheOther) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_ + get_ + get_);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Node(0).TakeWritten(), get_) << i;
    Reply("$-1\r\n");
    EXPECT_EQ(client.TakeWritten(), "$-1\r\n");
    Advance(100ms);
  }
  EXPECT_EQ(LimitCounts(0).delayed.value(), 3U);
  EXPECT_EQ(LimitCounts(0).waiting.value(), 0U);
}

TEST_F(LimitsWorkerTest, AClientThatLeavesWhileItsRequestWaitsIsForgotten) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_);
  Node(0).TakeWritten();
  client.error = ECONNRESET;
  client.watches_reads = true;
  client.observer->OnReadable();
  Settle();
  EXPECT_TRUE(client.closed());
  test::FakeSocket& next = NewClient();  // In the same place of the worker's table.
  Advance(1s);
  EXPECT_EQ(Node(0).TakeWritten(), "");
  EXPECT_EQ(next.TakeWritten(), "");
  EXPECT_EQ(LimitCounts(0).waiting.value(), 0U);
  Ask(next, get_);
  EXPECT_EQ(Node(0).TakeWritten(), get_);
}

TEST_F(LimitsWorkerTest, APlaceOfAClientThatHasLeftIsFreeAgain) {
  conf::Limit limit;
  limit.name = "few";
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = 1;
  conf::Config config = TwoNodes();
  config.limits = {limit, Delaying(TenASecond(1))};
  Start(std::move(config));
  const std::string get = Encode({"GET", KeyOf(0)});
  test::FakeSocket& client = NewClient();
  Ask(client, get);
  Reply("$-1\r\n");
  Ask(client, get);
  client.error = ECONNRESET;
  client.watches_reads = true;
  client.observer->OnReadable();
  Settle();
  // Its request is let through now, and nobody sends it.
  Advance(100ms);
  EXPECT_EQ(LimitCounts(0).admitted.value(), 2U);
  Node(0).TakeWritten();
  test::FakeSocket& next = NewClient();
  Ask(next, Encode({"GET", "free"}));
  EXPECT_EQ(next.TakeWritten(), "") << "it has been sent";
  // The reply of a request whose client has left frees its place, too.
  next.error = ECONNRESET;
  next.observer->OnReadable();
  Settle();
  for (size_t node = 0; node < 2; ++node) {
    if (!Node(node).TakeWritten().empty()) Reply("$-1\r\n", node);
  }
  test::FakeSocket& last = NewClient();
  Advance(1s);
  Ask(last, get);
  EXPECT_EQ(Node(0).TakeWritten(), get);
}

// See semantics.md 12.
TEST_F(LimitsWorkerTest, AHalfClosedClientGetsTheReplyForWhichItWaits) {
  StartWith(Delaying(TenASecond(1)));
  for (const bool more_follows : {false, true}) {
    Advance(1s);
    test::FakeSocket& client = NewClient();
    Ask(client, get_ + get_ + (more_follows ? Encode({"PING"}) : ""));
    Node(0).TakeWritten();
    Reply("$-1\r\n");
    client.ReceiveEnd();
    Settle();
    EXPECT_FALSE(client.closed());
    Advance(100ms);
    EXPECT_EQ(Node(0).TakeWritten(), get_);
    Reply("$1\r\nv\r\n");
    EXPECT_EQ(client.TakeWritten(), std::string("$-1\r\n$1\r\nv\r\n") + (more_follows ? "+PONG\r\n" : ""));
    if (client.watches_reads) client.ReceiveEnd();  // The loop tells it again to whoever reads on.
    Settle();
    EXPECT_TRUE(client.closed());
  }
}

TEST_F(LimitsWorkerTest, ADrainingWorkerSendsWhatWaits) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_ + get_);
  Node(0).TakeWritten();
  Reply("$-1\r\n");
  bool drained = false;
  worker_->Drain({}, [&] { drained = true; });
  Settle();
  EXPECT_FALSE(drained);
  Advance(100ms);
  EXPECT_EQ(Node(0).TakeWritten(), get_);
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(client.TakeWritten(), "$-1\r\n$1\r\nv\r\n");
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(drained);
}

TEST_F(LimitsWorkerTest, AWorkerMayEndWhileRequestsWait) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_);
  worker_.reset();
  loop_.Advance(1s);
  EXPECT_TRUE(client.closed());
}

TEST_F(LimitsWorkerTest, APlaceIsHeldByLargeRepliesAndFailuresNoLonger) {
  conf::Limit limit;
  limit.name = "few";
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = 1;
  StartWith(limit);
  test::FakeSocket& client = NewClient();
  const std::string large = "$1048576\r\n" + std::string(1 << 20, 'v') + "\r\n";
  Ask(client, get_ + get_);
  Reply(large);
  EXPECT_EQ(client.TakeWritten(), large + "-RATELIMITED retry_after_ms=0 limit=few\r\n");
  Ask(client, get_);
  Node(0).ReceiveEnd();
  Settle();
  EXPECT_TRUE(client.TakeWritten().starts_with("-"));
  Ask(client, Encode({"GET", KeyOf(1)}));
  Reply("$-1\r\n", 1);
  EXPECT_EQ(client.TakeWritten(), "$-1\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
