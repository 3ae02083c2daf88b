// Memcached clients and nodes around a whole worker.
#include "proxy/session/memcache_front.h"

#include "tests/proxy/control/limited_worker_fixture.h"

namespace ringproxy::proxy {
namespace {

class MemcacheFrontTest : public WorkerFixture {
 protected:
  MemcacheFrontTest() {
    Start(TwoMemcachedNodes());
    a_ = KeyOf(0);
    b_ = KeyOf(1);
  }

  // The client sends, the turn ends.
  void Ask(test::FakeSocket& client, const std::string& requests) {
    client.Receive(requests);
    Settle();
  }
  void Reply(size_t node, const std::string& replies) {
    Node(node).Receive(replies);
    Settle();
  }

  std::string a_;  // A key of node 0.
  std::string b_;  // And of node 1.
};

TEST_F(MemcacheFrontTest, ForwardsAKeyToItsNodeAndTheReplyBack) {
  test::FakeSocket& client = NewClient();
  Ask(client, "set " + b_ + " 5 0 2\r\nhi\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), "set " + b_ + " 5 0 2\r\nhi\r\n");
  Reply(1, "STORED\r\n");
  EXPECT_EQ(client.TakeWritten(), "STORED\r\n");
}

TEST_F(MemcacheFrontTest, SplitsAMultiGetByNodeAndMergesIt) {
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + b_ + " " + a_ + " " + b_ + "\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "get " + a_ + "\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), "get " + b_ + " " + b_ + "\r\n");
  const std::string b = "VALUE " + b_ + " 0 1\r\nB\r\n";
  Reply(0, "END\r\n");
  Reply(1, b + b + "END\r\n");
  EXPECT_EQ(client.TakeWritten(), b + b + "END\r\n");
}

// semantics.md 8: forwarded with a reply, which is swallowed; it pairs with no other request.
TEST_F(MemcacheFrontTest, SwallowsTheReplyToNoreply) {
  test::FakeSocket& client = NewClient();
  Ask(client, "set " + a_ + " 0 0 1 noreply\r\n1\r\nget " + a_ + "\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "set " + a_ + " 0 0 1        \r\n1\r\nget " + a_ + "\r\n");
  Reply(0, "SERVER_ERROR out of memory storing object\r\nEND\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\n");
}

TEST_F(MemcacheFrontTest, StaysSilentWhenANoreplyRequestFails) {
  test::FakeSocket& client = NewClient();
  Node(0).end_of_stream = true;
  Node(0).observer->OnReadable();
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  Ask(client, "delete " + a_ + " noreply\r\nget " + a_ + "\r\n");
  EXPECT_EQ(client.TakeWritten(), "SERVER_ERROR node down\r\n");
}

// semantics.md 27: over several nodes, in any order of their replies.
TEST_F(MemcacheFrontTest, AnswersMnWhenAllEarlierQuietCommandsAreSettled) {
  test::FakeSocket& client = NewClient();
  Ask(client, "mg " + a_ + " v q k O1\r\nms " + b_ + " 1 q O2\r\n1\r\nmg " + b_ + " q O3\r\nmn\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "mg " + a_ + " v   k O1\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), "ms " + b_ + " 1   O2\r\n1\r\nmg " + b_ + "   O3\r\n");
  Reply(1, "HD O2\r\nEN\r\n");
  EXPECT_EQ(client.TakeWritten(), "");
  Reply(0, "VA 1 k" + a_ + " O1\r\nA\r\n");
  EXPECT_EQ(client.TakeWritten(), "VA 1 k" + a_ + " O1\r\nA\r\nMN\r\n");
}

TEST_F(MemcacheFrontTest, RoutesABase64KeyByWhatItDecodesTo) {
  // "k0" and "k1" are azA= and azE=.
  test::FakeSocket& client = NewClient();
  for (const auto& [key, text] : {std::pair{"k0", "azA="}, {"k1", "azE="}, {"k2", "azI="}, {"k3", "azM="}}) {
    const uint32_t node = RouteKey(*snapshot_, snapshot_->listeners[0], key).node;
    const std::string request = std::string("mg ") + text + " b v\r\n";
    Ask(client, request);
    EXPECT_EQ(Node(node).TakeWritten(), request);
    Reply(node, "EN\r\n");
  }
}

// See semantics.md 7.
TEST_F(MemcacheFrontTest, PairsAnEarlyErrorWithTheRequestThatIsBeingWritten) {
  test::FakeSocket& client = NewClient();
  Node(0).room = 1000;
  Ask(client, "set " + a_ + " 0 0 100000\r\n" + std::string(100'000, 'v') + "\r\n");
  Ask(client, "get " + a_ + "\r\n");
  Reply(0, "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(client.TakeWritten(), "SERVER_ERROR object too large for cache\r\n");
  Node(0).room = SIZE_MAX;
  Node(0).observer->OnWritable();
  EXPECT_TRUE(Node(0).TakeWritten().ends_with("get " + a_ + "\r\n"));
  Reply(0, "END\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\n");
}

// See semantics.md 30.
TEST_F(MemcacheFrontTest, SwallowsTheDataOfARefusedValueHoweverItIsCut) {
  test::FakeSocket& client = NewClient();
  Ask(client, "set " + std::string(251, 'k') + " 0 0 200\r\n");
  EXPECT_EQ(client.TakeWritten(), "CLIENT_ERROR bad command line format\r\n");
  for (int i = 0; i < 200; ++i) Ask(client, "g");
  Ask(client, "\r");
  Ask(client, "\nmn\r\n");
  EXPECT_EQ(client.TakeWritten(), "MN\r\n");
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
}

// See semantics.md 24.
TEST_F(MemcacheFrontTest, MakesATokenTheNodesOwn) {
  test::FakeSocket& client = NewClient();
  Ask(client, "gets " + a_ + "\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "gets " + a_ + "\r\n");
  Reply(0, "VALUE " + a_ + " 0 1 17\r\nA\r\nEND\r\n");
  const std::string reply = client.TakeWritten();
  const size_t token_at = reply.find(" 0 1 ") + 5;
  const std::string token = reply.substr(token_at, reply.find('\r') - token_at);
  EXPECT_NE(token, "17");
  Ask(client, "cas " + a_ + " 0 0 1 " + token + "\r\nB\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "cas " + a_ + " 0 0 1 17\r\nB\r\n");
  Ask(client, "ms " + a_ + " 1 C" + token + " c q\r\nB\r\nms " + b_ + " 1 C" + token + "\r\nB\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "ms " + a_ + " 1 C17 c\r\nB\r\n");
  EXPECT_NE(Node(1).TakeWritten(), "ms " + b_ + " 1 C17\r\nB\r\n");
  Reply(0, "STORED\r\nEX c18\r\n");
  Reply(1, "EX\r\n");
  EXPECT_TRUE(client.TakeWritten().starts_with("STORED\r\nEX"));
}

TEST_F(MemcacheFrontTest, KeepsLongGatLinesWithinWhatANodeReads) {
  std::string request = "gat 60";
  for (int i = 0; i < 1000; ++i) request += " " + a_;
  test::FakeSocket& client = NewClient();
  Ask(client, request + "\r\n");
  std::string lines = Node(0).TakeWritten();
  size_t replies = 0;
  for (; !lines.empty(); ++replies) {
    const size_t end = lines.find('\n');
    EXPECT_LT(end, 2048U);
    lines.erase(0, end + 1);
  }
  EXPECT_GT(replies, 1U);
  for (size_t i = 0; i < replies; ++i) Reply(0, "END\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\n");
}

TEST_F(MemcacheFrontTest, FlushesAllNodesAndAnswersOnce) {
  test::FakeSocket& client = NewClient();
  Ask(client, "flush_all 10\r\nflush_all noreply\r\n");
  for (size_t node : {0U, 1U}) {
    EXPECT_EQ(Node(node).TakeWritten(), "flush_all 10\r\nflush_all        \r\n");
    Reply(node, "OK\r\nOK\r\n");
  }
  EXPECT_EQ(client.TakeWritten(), "OK\r\n");
}

// See semantics.md 11.
TEST_F(MemcacheFrontTest, QuitDeliversWhatIsUnderWayAndClosesWithoutAReply) {
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + a_ + "\r\nquit\r\nget " + a_ + "\r\n");
  EXPECT_FALSE(client.closed());
  EXPECT_EQ(Node(0).TakeWritten(), "get " + a_ + "\r\n");
  Reply(0, "END\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(MemcacheFrontTest, KeepsTheConnectionAfterGarbage) {
  test::FakeSocket& client = NewClient();
  Ask(client, "garbage\r\n\r\nmn\r\n");
  EXPECT_EQ(client.TakeWritten(), "ERROR\r\nERROR\r\nMN\r\n");
  EXPECT_EQ(stats_->errors[static_cast<size_t>(wire::ErrorCode::kUnknownCommand)].value(), 2U);
}

TEST_F(MemcacheFrontTest, CountsByCommandAndPartialRepliesByOutcome) {
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + a_ + " " + b_ + "\r\n");
  Reply(0, "END\r\n");
  Reply(1, "SERVER_ERROR out of memory\r\n");
  EXPECT_EQ(client.TakeWritten(), "SERVER_ERROR out of memory\r\n");
  EXPECT_EQ(stats_->partial.errors.value(), 1U);
  const size_t get = wire::MemcacheCommandIndex(*wire::FindMemcacheCommand("get"));
  EXPECT_EQ(stats_->listeners[0].requests[get].value(), 1U);
}

TEST_F(MemcacheFrontTest, PutsALineAndItsDataTogetherHoweverTheyAreCut) {
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  const std::string set = "set " + a_ + " 0 0 5\r\nvalue\r\n";
  for (const char byte : set) {
    client.Receive({byte});
    Ask(other, "mn\r\n");
    EXPECT_EQ(other.TakeWritten(), "MN\r\n");
  }
  EXPECT_EQ(Node(0).TakeWritten(), set);
  Reply(0, "STORED\r\n");
  EXPECT_EQ(client.TakeWritten(), "STORED\r\n");
}

TEST_F(MemcacheFrontTest, ForwardsALargeItemAsItCame) {
  test::FakeSocket& client = NewClient();
  const std::string set = "set " + a_ + " 0 0 1000000\r\n" + std::string(1'000'000, 'v') + "\r\n";
  Ask(client, set + "mn\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), set);
  Reply(0, "STORED\r\n");
  EXPECT_EQ(client.TakeWritten(), "STORED\r\nMN\r\n");
}

TEST_F(MemcacheFrontTest, CountsARefusalUnderTheCommandThatItKnows) {
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + std::string(251, 'k') + "\r\nnosuch\r\n");
  EXPECT_EQ(client.TakeWritten(), "CLIENT_ERROR bad command line format\r\nERROR\r\n");
  const size_t get = wire::MemcacheCommandIndex(*wire::FindMemcacheCommand("get"));
  const ListenerStats& counts = stats_->listeners[0];
  EXPECT_EQ(counts.requests[get].value(), 1U);
  EXPECT_EQ(counts.requests[wire::MemcacheCommands().size()].value(), 1U);
  EXPECT_EQ(counts.refusals.total(), 2U);
}

TEST_F(MemcacheFrontTest, ClosesAfterALineOfWhichNoEndCanBeFound) {
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + a_ + "\r\n" + std::string(100'000, 'x'));
  EXPECT_FALSE(client.closed());
  Reply(0, "END\r\n");
  EXPECT_EQ(client.TakeWritten().substr(0, 5), "END\r\n");
  EXPECT_TRUE(client.closed());
}

class LimitedMemcacheFrontTest : public LimitedWorkerFixture {
 protected:
  static constexpr size_t kMemory = 16 << 20;

  void StartWithLittleMemory() {
    memory_ = std::make_unique<net::ProcessMemory>(kMemory, 1);
    Start(TwoMemcachedNodes());
  }
};

TEST_F(LimitedMemcacheFrontTest, RefusesAMemcachedItemThatIsTooLargeAndGoesOn) {
  StartWithLittleMemory();
  test::FakeSocket& client = NewClient();
  client.Receive("set k 0 0 100000000\r\n");
  for (int i = 0; i < 1000; ++i) client.Receive(std::string(100'000, 'x'));
  client.Receive("\r\nset quiet 0 0 100000000 noreply\r\n");
  for (int i = 0; i < 1000; ++i) client.Receive(std::string(100'000, 'x'));
  client.Receive("\r\nmn\r\n");
  Settle();
  EXPECT_EQ(client.written, "SERVER_ERROR out of memory\r\nMN\r\n");
  EXPECT_LT(worker_->blocks().allocated_bytes(), kMemory / 16);
}

TEST_F(LimitedMemcacheFrontTest, EndsAMemcachedLineThatNeverEnds) {
  StartWithLittleMemory();
  test::FakeSocket& client = NewClient();
  client.Receive("get");
  std::string line;
  for (int i = 0; i < 10'000; ++i) line += " key";
  for (int i = 0; i < 1000 && !client.closed(); ++i) {
    client.Receive(line);
    Settle();
  }
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(client.written, "SERVER_ERROR out of memory\r\n");
  EXPECT_LT(worker_->blocks().allocated_bytes(), kMemory);
}

TEST_F(LimitedMemcacheFrontTest, AnswersARefusedRequestWithAnErrorOrAMiss) {
  for (const bool as_miss : {false, true}) {
    conf::Limit limit = TenASecond(1);
    limit.deny_as = as_miss ? conf::DenyAs::kMiss : conf::DenyAs::kError;
    StartWith(limit, TwoMemcachedNodes());
    test::FakeSocket& client = NewClient();
    Ask(client, "get " + key_ + "\r\n");
    Reply("END\r\n");
    client.TakeWritten();
    const std::string error = "SERVER_ERROR rate limited\r\n";
    Ask(client, "get " + key_ + "\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "END\r\n" : error);
    Ask(client, "set " + key_ + " 0 0 1\r\nv\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "NOT_STORED\r\n" : error);
    Ask(client, "mg " + key_ + " v\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "EN\r\n" : error);
    Ask(client, "incr " + key_ + " 1\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "NOT_FOUND\r\n" : error);
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

TEST_F(LimitedMemcacheFrontTest, RefusesSilentlyWhereNoReplyIsWanted) {
  conf::Limit limit = TenASecond(1);
  limit.deny_as = conf::DenyAs::kMiss;
  StartWith(limit, TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + key_ + "\r\n");
  Reply("END\r\n");
  client.TakeWritten();
  Node(0).TakeWritten();
  Ask(client, "set " + key_ + " 0 0 1 noreply\r\nv\r\nmg " + key_ + " v q\r\nmn\r\n");
  EXPECT_EQ(client.TakeWritten(), "MN\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "");
}

TEST_F(LimitedMemcacheFrontTest, KeepsTheQuietnessOfADelayedRequest) {
  StartWith(Delaying(TenASecond(1)), TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + key_ + "\r\nset " + key_ + " 0 0 1 noreply\r\nv\r\nmn\r\n");
  Reply("END\r\n");
  Node(0).TakeWritten();
  Advance(100ms);
  EXPECT_TRUE(Node(0).TakeWritten().starts_with("set " + key_));
  Reply("STORED\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\nMN\r\n");
}

TEST_F(MemcacheFrontTest, LeavesAdministrationToClientsOfAListenerThatAllowsIt) {
  test::FakeSocket& refused = NewClient();
  Ask(refused, "cache_memlimit 64\r\ncache_memlimit 64 noreply\r\nmn\r\n");
  const std::string reply = refused.TakeWritten();
  EXPECT_TRUE(reply.starts_with("CLIENT_ERROR cache_memlimit is not supported by ringproxy: ")) << reply;
  EXPECT_TRUE(reply.ends_with("set admin_commands: true of the listener\r\nMN\r\n")) << reply;
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");

  conf::Config config = snapshot_->config;
  config.listeners[0].admin_commands = true;
  snapshot_ = NewSnapshot(std::move(config));
  worker_->Adopt(snapshot_);
  Settle();
  test::FakeSocket& client = NewClient();
  Ask(client, "cache_memlimit 64\r\nlru_crawler enable\r\n");
  for (const size_t node : {0, 1}) EXPECT_EQ(Node(node).TakeWritten(), "cache_memlimit 64\r\nlru_crawler enable\r\n");
  Reply(0, "OK\r\nOK\r\n");
  Reply(1, "OK\r\nERROR failed to start lru crawler thread\r\n");
  EXPECT_EQ(client.TakeWritten(), "OK\r\nERROR failed to start lru crawler thread (node r1)\r\n");
}

TEST_F(MemcacheFrontTest, TellsTheConnectionsOfEachNode) {
  test::FakeSocket& client = NewClient();
  Ask(client, "stats conns\r\n");
  Reply(0, "STAT 26:addr tcp:10.0.0.9:1\r\nEND\r\n");
  Reply(1, "STAT 26:addr tcp:10.0.0.9:2\r\nEND\r\n");
  EXPECT_EQ(client.TakeWritten(), "STAT r0:26:addr tcp:10.0.0.9:1\r\nSTAT r1:26:addr tcp:10.0.0.9:2\r\nEND\r\n");
}

// See semantics.md 40.
TEST_F(MemcacheFrontTest, GivesNobodyAReplyThatNamesSomethingElse) {
  test::FakeSocket& client = NewClient();
  Ask(client, "mg " + a_ + " v O1\r\nmg " + a_ + " v O2\r\n");
  Reply(0, "VA 1 O2\r\nx\r\nVA 1 O1\r\nx\r\n");
  EXPECT_EQ(client.TakeWritten(), "SERVER_ERROR node down\r\nSERVER_ERROR node down\r\n");
  EXPECT_TRUE(Node(0).closed());
}

}  // namespace
}  // namespace ringproxy::proxy
