// What clients of memcached's binary protocol ask and read.
#include "proxy/session/memcache_binary_front.h"

#include "tests/proxy/session/memcache_binary_front_fixture.h"

namespace ringproxy::proxy {
namespace {

const std::string kFlags(4, '\5');

class MemcacheBinaryFrontTest : public MemcacheBinaryFrontFixture {
 protected:
  MemcacheBinaryFrontTest() { StartBinary(); }
};

TEST_F(MemcacheBinaryFrontTest, ForwardsAPacketToItsNodeAndTheReplyBackUnderItsOpaque) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, SetOf(b_, "hi", kSet, 77));
  const std::vector<std::string> asked = TakeAsked(1);
  ASSERT_EQ(asked.size(), 1U);
  const uint32_t opaque = wire::ReadBinaryHeader(asked[0]).opaque;
  EXPECT_EQ(asked[0], SetOf(b_, "hi", kSet, opaque));
  EXPECT_EQ(client.TakeWritten(), "");
  Tell(1, ReplyTo(asked[0], {.status = 5}));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kSet, .opaque = 77, .status = 5}));
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
}

// semantics.md 28: over several nodes, in any order of their replies, and the no-op behind all of them.
TEST_F(MemcacheBinaryFrontTest, AnswersABatchOfQuietGetsInOrderAndWithoutTheMisses) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, GetOf(a_, kGetKQ, 1) + GetOf(b_, kGetKQ, 2) + GetOf(a_ + "x", kGetQ, 3) + NoopOf(4));
  std::vector<std::string> first = TakeAsked(0), second = TakeAsked(1);
  ASSERT_EQ(first.size() + second.size(), 3U);
  // Each of them is answered.
  EXPECT_EQ(wire::ReadBinaryHeader(first[0]).opcode, kGetK);
  Tell(1, ReplyTo(second[0], {.key = b_, .extras = kFlags, .value = "B"}));
  EXPECT_EQ(client.TakeWritten(), "");
  Tell(0, ReplyTo(first[0], {.key = a_, .extras = kFlags, .value = "A"}));
  const bool third_is_first = first.size() == 2;
  Tell(third_is_first ? 0 : 1, ReplyTo(third_is_first ? first[1] : second[1], {.value = "Not found", .status = 1}));
  EXPECT_EQ(client.TakeWritten(),
            BinaryTold({.opcode = kGetKQ, .key = a_, .extras = kFlags, .value = "A", .opaque = 1}) +
                BinaryTold({.opcode = kGetKQ, .key = b_, .extras = kFlags, .value = "B", .opaque = 2}) +
                BinaryTold({.opcode = kNoop, .opaque = 4}));
}

TEST_F(MemcacheBinaryFrontTest, AQuietWriteIsAnsweredOnlyWhenItFails) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, SetOf(a_, "1", kSetQ, 1) + SetOf(a_, "2", kSetQ, 2) + NoopOf(3));
  const std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(wire::ReadBinaryHeader(asked[0]).opcode, kSet);
  Tell(0, ReplyTo(asked[0], {.cas = 9}) + ReplyTo(asked[1], {.value = "Out of memory", .status = 0x82}));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kSetQ, .value = "Out of memory", .opaque = 2, .status = 0x82}) +
                                      BinaryTold({.opcode = kNoop, .opaque = 3}));
}

// See semantics.md 24.
TEST_F(MemcacheBinaryFrontTest, MakesATokenTheNodesOwn) {
  test::FakeSocket& client = NewClient();
  AskAndTell(client, GetOf(a_), 0, {.extras = kFlags, .value = "A", .cas = 17});
  const uint64_t token = wire::ReadBinaryHeader(client.TakeWritten()).cas;
  EXPECT_NE(token, 17U);
  EXPECT_LT(token, uint64_t{1} << 53);
  AskBinary(client, SetOf(a_, "B", kSet, 0, token) + SetOf(b_, "B", kSet, 0, token));
  EXPECT_EQ(wire::ReadBinaryHeader(TakeAsked(0).at(0)).cas, 17U);
  EXPECT_NE(wire::ReadBinaryHeader(TakeAsked(1).at(0)).cas, 17U);
  // It is the same token as in text.
  test::FakeSocket& text = NewClient();
  Ask(text, "cas " + a_ + " 0 0 1 " + std::to_string(token) + "\r\nB\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "cas " + a_ + " 0 0 1 17\r\nB\r\n");
}

// A stranger's reply reaches nobody: the link breaks.
TEST_F(MemcacheBinaryFrontTest, AReplyToAnotherRequestBreaksTheLink) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, GetOf(a_, kGet, 1) + GetOf(a_, kGet, 2));
  const std::vector<std::string> asked = TakeAsked(0);
  Tell(0, ReplyTo(asked[1], {.extras = kFlags, .value = "stranger"}));
  EXPECT_TRUE(Link(0).closed());
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kGet, .value = "node down", .opaque = 1, .status = 0x86}) +
                                      BinaryTold({.opcode = kGet, .value = "node down", .opaque = 2, .status = 0x86}));
}

TEST_F(MemcacheBinaryFrontTest, ClosesOnAMalformedPacketWhenTheOthersAreAnswered) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, GetOf(a_, kGet, 1) + BinaryAsked({.opcode = kGet, .opaque = 2}) + GetOf(a_, kGet, 3));
  EXPECT_FALSE(client.closed());
  const std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  Tell(0, ReplyTo(asked[0], {.value = "Not found", .status = 1}));
  EXPECT_EQ(client.TakeWritten(),
            BinaryTold({.opcode = kGet, .value = "Not found", .opaque = 1, .status = 1}) +
                BinaryTold({.opcode = kGet, .value = "Invalid arguments", .opaque = 2, .status = 4}));
  EXPECT_TRUE(client.closed());
}

TEST_F(MemcacheBinaryFrontTest, GoesOnBehindAnUnknownOpcodeAndItsBody) {
  test::FakeSocket& client = NewClient();
  const std::string unknown = BinaryAsked({.opcode = 0x21, .key = "PLAIN", .value = "secret", .opaque = 1});
  for (const char byte : unknown + NoopOf(2)) AskBinary(client, {byte});
  EXPECT_EQ(client.TakeWritten(),
            BinaryTold({.opcode = 0x21, .value = "Unknown command", .opaque = 1, .status = 0x81}) +
                BinaryTold({.opcode = kNoop, .opaque = 2}));
  EXPECT_FALSE(client.closed());
}

TEST_F(MemcacheBinaryFrontTest, TextBehindPacketsClosesWithoutAWord) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, NoopOf(1) + "get k\r\n");
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kNoop, .opaque = 1}));
  EXPECT_TRUE(client.closed());
}

TEST_F(MemcacheBinaryFrontTest, APacketBehindTextIsALineOfText) {
  test::FakeSocket& client = NewClient();
  Ask(client, "mn\r\n");
  Ask(client, NoopOf(1));
  EXPECT_EQ(client.TakeWritten(), "MN\r\nERROR\r\n");
  EXPECT_FALSE(client.closed());
}

TEST_F(MemcacheBinaryFrontTest, QuitDeliversWhatIsUnderWayAnswersAndCloses) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, GetOf(a_, kGetQ, 1) + BinaryAsked({.opcode = kQuit, .opaque = 2}) + NoopOf(3));
  EXPECT_FALSE(client.closed());
  Tell(0, ReplyTo(TakeAsked(0).at(0), {.status = 1}));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kQuit, .opaque = 2}));
  EXPECT_TRUE(client.closed());
}

TEST_F(MemcacheBinaryFrontTest, AsksAnyNodeForTheVersion) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, BinaryAsked({.opcode = kVersion, .opaque = 8}));
  for (const size_t node : {0U, 1U}) {
    for (const std::string& asked : TakeAsked(node)) Tell(node, ReplyTo(asked, {.value = "1.6.18"}));
  }
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kVersion, .value = "1.6.18", .opaque = 8}));
}

// It neither overtakes what came before it nor is overtaken, though it takes other links.
TEST_F(MemcacheBinaryFrontTest, FlushesAllNodesInItsTurn) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, SetOf(a_, "1", kSetQ, 1) + BinaryAsked({.opcode = kFlush, .extras = {0, 0, 0, 10}, .opaque = 2}) +
                        GetOf(a_, kGet, 3));
  EXPECT_EQ(Node(0).TakeWritten(), "");
  std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  Tell(0, ReplyTo(asked[0], {}));
  for (const size_t node : {0U, 1U}) EXPECT_EQ(Node(node).TakeWritten(), "flush_all 10\r\n");
  EXPECT_EQ(TakeAsked(0).size(), 0U);
  Reply("OK\r\n", 0);
  EXPECT_EQ(client.TakeWritten(), "");
  Reply("OK\r\n", 1);
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kFlush, .opaque = 2}));
  asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(wire::ReadBinaryHeader(asked[0]).opcode, kGet);
  AskBinary(client, BinaryAsked({.opcode = kFlushQ, .opaque = 4}));
  Tell(0, ReplyTo(asked[0], {.status = 1}));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kGet, .opaque = 3, .status = 1}));
  Reply("OK\r\n", 0);
  Reply("SERVER_ERROR busy\r\n", 1);
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kFlushQ, .value = "busy", .opaque = 4, .status = 0x86}));
}

TEST_F(MemcacheBinaryFrontTest, MergesStatisticsIntoPackets) {
  test::FakeSocket& client = NewClient();
  AskBinary(client, BinaryAsked({.opcode = kStat, .key = "items", .opaque = 5}) +
                        BinaryAsked({.opcode = kStat, .key = "items\r\nflush_all", .opaque = 6}));
  for (const size_t node : {0U, 1U}) {
    EXPECT_EQ(Node(node).TakeWritten(), "stats items\r\n");
    Reply("STAT items:1:number 2\r\nEND\r\n", node);
  }
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kStat, .key = "items:1:number", .value = "4", .opaque = 5}) +
                                      BinaryTold({.opcode = kStat, .opaque = 5}) +
                                      BinaryTold({.opcode = kStat, .value = "Not found", .opaque = 6, .status = 1}));
}

TEST_F(MemcacheBinaryFrontTest, PutsAPacketTogetherHoweverItIsCut) {
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  for (const char byte : SetOf(a_, "value", kSet, 3)) {
    client.Receive({byte});
    AskBinary(other, NoopOf(9));
    EXPECT_EQ(other.TakeWritten(), BinaryTold({.opcode = kNoop, .opaque = 9}));
  }
  const std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  Tell(0, ReplyTo(asked[0], {}));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kSet, .opaque = 3}));
}

TEST_F(MemcacheBinaryFrontTest, MovesALargeItemAndItsToken) {
  test::FakeSocket& client = NewClient();
  AskAndTell(client, GetOf(a_), 0, {.extras = kFlags, .value = "A", .cas = 17});
  const uint64_t token = wire::ReadBinaryHeader(client.TakeWritten()).cas;
  const std::string value(1'000'000, 'v');
  AskBinary(client, SetOf(a_, value, kSetQ, 4, token).substr(0, 500'000));
  AskBinary(client, SetOf(a_, value, kSetQ, 4, token).substr(500'000) + NoopOf(5));
  const std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0], SetOf(a_, value, kSet, wire::ReadBinaryHeader(asked[0]).opaque, 17));
  Tell(0, ReplyTo(asked[0], {.status = 2}));
  EXPECT_EQ(client.TakeWritten(),
            BinaryTold({.opcode = kSetQ, .opaque = 4, .status = 2}) + BinaryTold({.opcode = kNoop, .opaque = 5}));
  AskAndTell(client, GetOf(a_, kGetK, 6), 0, {.key = a_, .extras = kFlags, .value = value, .cas = 17});
  EXPECT_EQ(client.TakeWritten(),
            BinaryTold({.opcode = kGetK, .key = a_, .extras = kFlags, .value = value, .opaque = 6, .cas = token}));
}

TEST_F(MemcacheBinaryFrontTest, CountsByTheRowOfTheTextCommand) {
  test::FakeSocket& client = NewClient();
  const auto count = [&](std::string_view name) {
    return stats_->listeners[0].requests[wire::FindMemcacheCommand(name)->command.index].value();
  };
  const uint64_t gets = count("get");
  AskBinary(client, GetOf(a_, kGetKQ) + SetOf(a_, "1", kSetQ) + SetOf(a_, "1", kSet, 0, 5) + NoopOf(1));
  EXPECT_EQ(count("get"), gets + 1);
  EXPECT_EQ(count("set"), 1U);
  EXPECT_EQ(count("cas"), 1U);
  EXPECT_EQ(count("mn"), 1U);
}

class MemcacheBinaryItemTest : public MemcacheBinaryFrontFixture {};

// As the server does: what the set was to replace is gone, and it is answered before its value has come.
TEST_F(MemcacheBinaryItemTest, RefusesAnItemThatNoNodeTakesAndDropsTheOldOne) {
  StartBinary();
  for (const auto& node : snapshot_->pools[0].nodes) node->SetItemSizeMax(uint64_t{2} << 20);
  test::FakeSocket& client = NewClient();
  const std::string value(3 << 20, 'v');
  const std::string set = SetOf(a_, value, kSetQ, 4);
  AskBinary(client, set.substr(0, 1000));
  std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0], BinaryAsked({.opcode = kDelete, .key = a_, .opaque = wire::ReadBinaryHeader(asked[0]).opaque}));
  Tell(0, ReplyTo(asked[0], {.value = "Not found", .status = 1}));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kSetQ, .value = "Too large.", .opaque = 4, .status = 3}));
  AskBinary(client, set.substr(1000) + NoopOf(5));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = kNoop, .opaque = 5}));
  // An add replaces nothing.
  std::string add = SetOf(a_, value, 0x02, 6);
  AskBinary(client, add + NoopOf(7));
  EXPECT_EQ(client.TakeWritten(), BinaryTold({.opcode = 0x02, .value = "Too large.", .opaque = 6, .status = 3}) +
                                      BinaryTold({.opcode = kNoop, .opaque = 7}));
  EXPECT_EQ(TakeAsked(0).size(), 0U);
}

TEST_F(MemcacheBinaryItemTest, RefusesWhatThereIsNoMemoryForAndGoesOn) {
  constexpr size_t kMemory = 16 << 20;
  memory_ = std::make_unique<net::ProcessMemory>(kMemory, 1);
  StartBinary();
  test::FakeSocket& client = NewClient();
  const std::string set =
      BinaryAsked({.opcode = kSet, .key = a_, .extras = std::string(8, '\0'), .opaque = 1, .body = 100'000'000});
  AskBinary(client, set);
  const size_t left = 100'000'000 - a_.size() - 8;
  for (size_t sent = 0; sent < left; sent += std::min<size_t>(left - sent, 100'000)) {
    client.Receive(std::string(std::min<size_t>(left - sent, 100'000), 'x'));
  }
  AskBinary(client, NoopOf(2));
  EXPECT_EQ(client.written, BinaryTold({.opcode = kSet, .value = "Out of memory", .opaque = 1, .status = 0x82}) +
                                BinaryTold({.opcode = kNoop, .opaque = 2}));
  EXPECT_LT(worker_->blocks().allocated_bytes(), kMemory / 4);
}

class MemcacheBinaryLimitTest : public MemcacheBinaryFrontFixture {};

TEST_F(MemcacheBinaryLimitTest, MeetsTheLimitsOfTheTextCommand) {
  for (const bool as_miss : {false, true}) {
    conf::Limit limit = TenASecond(3);
    limit.deny_as = as_miss ? conf::DenyAs::kMiss : conf::DenyAs::kError;
    StartBinaryWith(limit);
    test::FakeSocket& client = NewClient();
    AskAndTell(client, GetOf(a_), 0, {.status = 1});
    client.TakeWritten();
    AskBinary(client, GetOf(a_, kGet, 1) + GetOf(a_, kGetQ, 2) + SetOf(a_, "v", kSetQ, 3) + NoopOf(4));
    EXPECT_EQ(TakeAsked(0).size(), 0U);
    const auto busy = [](uint8_t opcode, uint32_t opaque) {
      return BinaryTold({.opcode = opcode, .value = "rate limited", .opaque = opaque, .status = 0x85});
    };
    const std::string noop = BinaryTold({.opcode = kNoop, .opaque = 4});
    EXPECT_EQ(client.TakeWritten(),
              as_miss ? BinaryTold({.opcode = kGet, .value = "Not found", .opaque = 1, .status = 1}) +
                            BinaryTold({.opcode = kSetQ, .value = "Not stored.", .opaque = 3, .status = 5}) + noop
                      : busy(kGet, 1) + busy(kGetQ, 2) + busy(kSetQ, 3) + noop);
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

TEST_F(MemcacheBinaryLimitTest, KeepsTheNameOfADelayedRequest) {
  StartBinaryWith(Delaying(TenASecond(3)));
  test::FakeSocket& client = NewClient();
  AskAndTell(client, GetOf(a_), 0, {.status = 1});
  client.TakeWritten();
  AskBinary(client, GetOf(a_, kGetKQ, 7) + NoopOf(8));
  EXPECT_EQ(TakeAsked(0).size(), 0U);
  Advance(100ms);
  const std::vector<std::string> asked = TakeAsked(0);
  ASSERT_EQ(asked.size(), 1U);
  Tell(0, ReplyTo(asked[0], {.key = a_, .extras = kFlags, .value = "A"}));
  EXPECT_EQ(client.TakeWritten(),
            BinaryTold({.opcode = kGetKQ, .key = a_, .extras = kFlags, .value = "A", .opaque = 7}) +
                BinaryTold({.opcode = kNoop, .opaque = 8}));
}

class MemcacheBinaryDownTest : public MemcacheBinaryFrontFixture {
 protected:
  void TakeDown(size_t node) {
    Node(node).end_of_stream = true;
    Node(node).observer->OnReadable();
    loop_.last_socket().observer->OnConnected(ECONNREFUSED);
    Settle();
  }
};

TEST_F(MemcacheBinaryDownTest, ANodeThatIsDownIsAnErrorOrAMissOfAQuietGet) {
  for (const bool as_miss : {false, true}) {
    conf::Config config = TwoBinaryNodes();
    config.pools[0].on_partial = as_miss ? conf::OnPartial::kMiss : conf::OnPartial::kError;
    StartBinary(config);
    TakeDown(1);
    test::FakeSocket& client = NewClient();
    AskBinary(client, GetOf(b_, kGetQ, 1) + GetOf(b_, kGet, 2) + GetOf(a_, kGetQ, 3) + NoopOf(4));
    Tell(0, ReplyTo(TakeAsked(0).at(0), {.extras = kFlags, .value = "A"}));
    const auto down = [](uint8_t opcode, uint32_t opaque) {
      return BinaryTold({.opcode = opcode, .value = "node down", .opaque = opaque, .status = 0x86});
    };
    const std::string rest = down(kGet, 2) +
                             BinaryTold({.opcode = kGetQ, .extras = kFlags, .value = "A", .opaque = 3}) +
                             BinaryTold({.opcode = kNoop, .opaque = 4});
    EXPECT_EQ(client.TakeWritten(), as_miss ? rest : down(kGetQ, 1) + rest);
    // Neither of the nodes is there.
    TakeDown(0);
    AskBinary(client, GetOf(a_, kGetQ, 5) + GetOf(b_, kGetQ, 6) + NoopOf(7));
    const std::string noop = BinaryTold({.opcode = kNoop, .opaque = 7});
    EXPECT_EQ(client.TakeWritten(), as_miss ? noop : down(kGetQ, 5) + down(kGetQ, 6) + noop);
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

}  // namespace
}  // namespace ringproxy::proxy
