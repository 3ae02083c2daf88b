#include "proxy/session/session.h"

#include "tests/proxy/control/limited_worker_fixture.h"

namespace ringproxy::proxy {
namespace {

class SessionTest : public LimitedWorkerFixture {
 protected:
  const ListenerStats& Counts() const { return stats_->listeners[0]; }
  static std::string Times(int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  }
};

// See semantics.md 13.
TEST_F(SessionTest, LetsALocalErrorWaitBehindASlowNode) {
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

TEST_F(SessionTest, HoldsABatchForItsRestAndSendsItInOneWrite) {
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

TEST_F(SessionTest, HoldsNothingOnceTheLoopIsIdle) {
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
TEST_F(SessionTest, AnswersAHalfClosedClientBeforeItCloses) {
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

// What a client goes on sending would turn a close into a reset, which may overtake the last reply.
TEST_F(SessionTest, TellsAClientTheEndAfterItsLastReplyUnlessItHasEndedItself) {
  Start();
  for (const std::string& last : {Encode({"QUIT"}), std::string("*1\r\n$x\r\n")}) {
    test::FakeSocket& client = NewClient();
    client.Receive(last + "more of it");
    Settle();
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(client.writes_ended) << client.written;
  }
  test::FakeSocket& leaves = NewClient();
  leaves.ReceiveEnd();
  Settle();
  EXPECT_TRUE(leaves.closed());
  EXPECT_FALSE(leaves.writes_ended) << "it costs calls, and nothing can be unread";
}

TEST_F(SessionTest, StopsReadingAClientWhoseQueueIsFullAndReadsOnLater) {
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
    Node(0).Receive("+" + std::to_string(i) + "\r\n");
    Settle();
  }
  EXPECT_EQ(client.written, "+0\r\n+1\r\n+2\r\n+3\r\n+4\r\n");
  EXPECT_TRUE(client.watches_reads);
}

TEST_F(SessionTest, ReadsOnAfterTheWriteToANodeFailedEveryRequestOfAFullQueue) {
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

TEST_F(SessionTest, DisconnectsAClientThatDoesNotRead) {
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

TEST_F(SessionTest, GivesAClientThatReadsAReplyLargerThanItsOutputLimit) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.output_bytes = 1000;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"ECHO", std::string(2000, 'x')}));
  Settle();
  EXPECT_EQ(client.written.size(), 2000U + std::string("$2000\r\n\r\n").size());
  EXPECT_FALSE(client.closed());
}

TEST_F(SessionTest, GivesASlowReaderAReplyLargerThanItsOutputLimitPieceByPiece) {
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

TEST_F(SessionTest, CutsOffAClientForWhomTooMuchIsKeptAside) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.output_bytes = 1 << 20;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  // Its first replies let expect small ones.
  for (int i = 0; i < 100; ++i) {
    client.Receive(Encode({"GET", KeyOf(1)}));
    Settle();
    Node(1).Receive("$1\r\nv\r\n");
    Settle();
  }
  client.Receive(Encode({"GET", KeyOf(0)}) + Times(30, Encode({"GET", KeyOf(1)})));
  other.Receive(Encode({"GET", KeyOf(1)}));
  Settle();
  for (int i = 0; i < 30 && !client.closed(); ++i) {
    Node(1).Receive("$200000\r\n" + std::string(200'000, 'v') + "\r\n");
    Settle();
  }
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Counts().cut_off.value(), 1U);
  EXPECT_FALSE(other.closed());
}

TEST_F(SessionTest, ARefusalStandsInItsPlaceInThePipeline) {
  StartWith(TenASecond(1));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_ + Encode({"PING"}));
  EXPECT_EQ(Node(0).TakeWritten(), get_);
  EXPECT_EQ(client.TakeWritten(), "") << "its replies keep their order";
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(client.TakeWritten(), "$1\r\nv\r\n-RATELIMITED retry_after_ms=100 limit=slow\r\n+PONG\r\n");
  EXPECT_EQ(stats_->errors[static_cast<size_t>(wire::ErrorCode::kRateLimited)].value(), 1U);
  EXPECT_EQ(LimitCounts(0).refused.value(), 1U);
}

TEST_F(SessionTest, ADelayKeepsTheClientsOrderAndStopsNobodyElse) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  const std::string free = Encode({"GET", "x" + KeyOf(0)});
  Ask(client, get_ + Encode({"SET", key_, "w"}) + free + Encode({"PING"}));
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), get_);
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(client.TakeWritten(), "$1\r\nv\r\n");
  EXPECT_FALSE(client.watches_reads);
  Ask(other, Encode({"PING"}));
  EXPECT_EQ(other.TakeWritten(), "+PONG\r\n");
  Advance(99ms);
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  Advance(1ms);
  // Both are sent in one turn, the delayed one first.
  EXPECT_TRUE(client.watches_reads);
  const std::string sent = Node(0).TakeWritten();
  EXPECT_TRUE(sent.starts_with(Encode({"SET", key_, "w"})));
  const bool is_here = sent.ends_with(free);
  if (!is_here) {
    EXPECT_EQ(Node(1).TakeWritten(), free);
    Reply("$-1\r\n", 1);
  }
  Reply(is_here ? "+OK\r\n$-1\r\n" : "+OK\r\n");
  EXPECT_EQ(client.TakeWritten(), "+OK\r\n$-1\r\n+PONG\r\n");
}

TEST_F(SessionTest, CountsWhatComesAndWhatGoes) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Counts().accepted.value(), 1U);
  const std::string requests = Encode({"PING"}) + Encode({"GET", KeyOf(0)});
  Ask(client, requests);
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(Counts().bytes_in.value(), requests.size());
  EXPECT_EQ(Counts().bytes_out.value(), client.written.size());
  EXPECT_EQ(Counts().replies.value(), 2U);
  EXPECT_EQ(Counts().closed.value(), 0U);
  client.ReceiveEnd();
  Settle();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Counts().closed.value(), 1U);
  EXPECT_EQ(Counts().cut_off.value(), 0U);
}

TEST_F(SessionTest, HandsALargeReplyOnWhole) {
  Start();
  test::FakeSocket& client = NewClient();
  Ask(client, Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
  const std::string large = "$1000000\r\n" + std::string(1'000'000, 'L') + "\r\n";
  Reply(large, 1);  // Its turn has not come.
  EXPECT_EQ(client.TakeWritten(), "");
  Reply(large);
  EXPECT_EQ(client.TakeWritten(), large + large);
  EXPECT_EQ(Counts().replies.value(), 2U);
}

TEST_F(SessionTest, HoldsABatchForTwoTurnsAtMost) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  Ask(client, Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
  Node(0).Receive("$1\r\na\r\n");
  for (int turn = 0; turn < 2; ++turn) {
    other.Receive(Encode({"PING"}));  // The loop is not idle.
    loop_.EndTurn();
    EXPECT_EQ(client.written, "") << turn;
  }
  other.Receive(Encode({"PING"}));
  loop_.EndTurn();
  EXPECT_EQ(client.written, "$1\r\na\r\n");
}

TEST_F(SessionTest, HoldsNoLongOutput) {
  Start();
  test::FakeSocket& client = NewClient();
  Ask(client, Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
  const std::string long_reply = "$17000\r\n" + std::string(17'000, 'a') + "\r\n";
  Node(0).Receive(long_reply);
  loop_.EndTurn();
  EXPECT_EQ(client.written, long_reply);
}

TEST_F(SessionTest, WritesOnWhenAFullSocketHasRoomAgain) {
  Start();
  test::FakeSocket& client = NewClient();
  client.room = 3;
  Ask(client, Encode({"PING"}));
  EXPECT_EQ(client.written, "+PO");
  EXPECT_TRUE(client.watches_writes);
  Ask(client, Encode({"PING"}));
  EXPECT_EQ(client.written, "+PO");  // Nothing is tried before the socket says that it has room.
  client.room = SIZE_MAX;
  client.observer->OnWritable();
  EXPECT_EQ(client.written, "+PONG\r\n+PONG\r\n");
  EXPECT_FALSE(client.watches_writes);
}

TEST_F(SessionTest, ClosesWhenItsSocketBreaks) {
  Start();
  test::FakeSocket& reader = NewClient();
  reader.error = ECONNRESET;
  reader.observer->OnReadable();
  test::FakeSocket& writer = NewClient();
  writer.Receive(Encode({"PING"}));
  writer.error = EPIPE;
  Settle();
  EXPECT_TRUE(reader.closed());
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(Counts().closed.value(), 2U);
}

TEST_F(SessionTest, AnswersAllThatAHalfClosedClientAskedThoughItsQueueWasFull) {
  conf::Config config = TwoNodes();
  config.listeners[0].limits.requests_in_flight = 2;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.incoming = Times(5, Encode({"GET", KeyOf(0)}));
  client.ReceiveEnd();
  Settle();
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(client.closed()) << i;
    Reply("+" + std::to_string(i) + "\r\n");
    // What is left of the input, and its end, are met once it reads again.
    while (!client.closed() && client.watches_reads) client.observer->OnReadable();
    Settle();
  }
  EXPECT_EQ(client.written, "+0\r\n+1\r\n+2\r\n+3\r\n+4\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(SessionTest, TakesNoMoreThanSixteenMebibytesOfRequestsAtATime) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string set = Encode({"SET", KeyOf(0), std::string(9 << 20, 'v')});
  client.Receive(set + set + Encode({"PING"}));
  Settle();
  EXPECT_FALSE(client.watches_reads);
  EXPECT_EQ(Node(0).TakeWritten().size(), 2 * set.size());
  Reply("+OK\r\n");
  EXPECT_TRUE(client.watches_reads);
  Reply("+OK\r\n");
  EXPECT_EQ(client.written, "+OK\r\n+OK\r\n+PONG\r\n");
}

TEST_F(SessionTest, TakesNoRequestAnyMoreWhenItDrains) {
  Start();
  test::FakeSocket& client = NewClient();
  Ask(client, get_ = Encode({"GET", KeyOf(0)}));
  worker_->Drain({}, [] {});
  EXPECT_FALSE(client.watches_reads);
  client.incoming = get_;
  client.observer->OnReadable();  // Told already when it began to drain.
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), get_);
  Reply("$-1\r\n");
  EXPECT_EQ(client.written, "$-1\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(SessionTest, AnswersInTheWordsOfItsProtocolWhenANodeFails) {
  for (const bool memcached : {false, true}) {
    Start(memcached ? TwoMemcachedNodes() : TwoNodes());
    test::FakeSocket& client = NewClient();
    Ask(client, memcached ? "get " + KeyOf(0) + "\r\n" : Encode({"GET", KeyOf(0)}));
    Node(0).ReceiveEnd();
    Settle();
    EXPECT_TRUE(client.written.starts_with(memcached ? "SERVER_ERROR " : "-")) << client.written;
    EXPECT_TRUE(client.written.ends_with("\r\n"));
    EXPECT_FALSE(client.closed());
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

}  // namespace
}  // namespace ringproxy::proxy
