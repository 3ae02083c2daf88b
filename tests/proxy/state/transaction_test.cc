#include "proxy/state/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_request.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using test::TestRequest;
using testing::ElementsAre;

class TransactionTest : public testing::Test {
 protected:
  static conf::Config TwoNodes() {
    conf::Config config;
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = "main";
    pool.nodes = {{"r0", {"10.0.0.1", 1, ""}, 1}, {"r1", {"10.0.0.2", 1, ""}, 1}};
    conf::Listener& listener = config.listeners.emplace_back();
    listener.limits.key_bytes = 100;
    listener.routes = {{"", "main"}};
    return config;
  }

  std::optional<wire::Failure> QueueWords(const std::vector<std::string_view>& words) {
    const TestRequest request(words);
    return transaction_.Queue(*wire::FindRedisCommand(wire::Request(request)), request, routing_, pool_);
  }
  std::optional<wire::Failure> Queue(std::string_view line) { return QueueWords(TestRequest::Split(line)); }
  // A key of the given node.
  std::string KeyOf(uint32_t node, const Snapshot& snapshot) const {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      if (RouteKey(snapshot, snapshot.listeners[0], key).node == node) return key;
    }
  }
  std::string KeyOf(uint32_t node) const { return KeyOf(node, *snapshot_); }

  std::shared_ptr<const Snapshot> snapshot_ = MakeSnapshot(TwoNodes());
  KeyRouting routing_{*snapshot_, 0};
  net::BlockPool pool_;
  Transaction transaction_;
  wire::Failure failure_;
};

TEST_F(TransactionTest, IsSentAsItCameBetweenMultiAndExec) {
  const std::string key = KeyOf(1);
  EXPECT_FALSE(Queue("SET " + key + " v"));
  EXPECT_FALSE(Queue("PING"));
  EXPECT_FALSE(Queue("incr " + key));
  EXPECT_EQ(transaction_.count(), 3U);
  EXPECT_EQ(transaction_.FindNode(routing_, &failure_), (NodeId{0, 1}));
  const std::string size = "$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
  const TransactionPart whole = transaction_.TakeWhole({0, 1}, 0, pool_);
  EXPECT_FALSE(whole.restores_database);
  EXPECT_FALSE(whole.is_large());
  EXPECT_EQ(whole.commands, 3U);
  EXPECT_EQ(whole.requests.bytes(), "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n" + size +
                                        "$1\r\nv\r\n*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nincr\r\n" + size +
                                        "*1\r\n$4\r\nEXEC\r\n");
}

TEST_F(TransactionTest, AKeyOfAnotherNodeAbortsIt) {
  EXPECT_FALSE(Queue("ping"));
  EXPECT_FALSE(Queue("set " + KeyOf(0) + " v"));
  const std::string other = KeyOf(1);
  const auto failure = Queue("get " + other);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, wire::ErrorCode::kCrossSlot);
  EXPECT_EQ(failure->key, KeyOf(0));
  EXPECT_EQ(failure->node, "r0");
  EXPECT_EQ(failure->other_node, "r1");
  EXPECT_TRUE(transaction_.is_aborted());
  EXPECT_EQ(transaction_.count(), 2U);
}

TEST_F(TransactionTest, TheKeysOfOneCommandHaveToLieTogetherToo) {
  const auto failure = QueueWords({"mget", KeyOf(1), KeyOf(0)});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, wire::ErrorCode::kCrossSlot);
}

TEST_F(TransactionTest, AKeyThatIsTooLongAbortsIt) {
  const auto failure = Queue("get " + std::string(101, 'k'));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, wire::ErrorCode::kKeyTooLong);
  EXPECT_TRUE(transaction_.is_aborted());
}

TEST_F(TransactionTest, WithoutKeysItGoesToTheOwnerOfTheEmptyKey) {
  EXPECT_FALSE(Queue("time"));
  EXPECT_EQ(transaction_.FindNode(routing_, &failure_), RouteKey(*snapshot_, snapshot_->listeners[0], {}));
}

TEST_F(TransactionTest, KeysThatCannotBeToldAreTheNodesToRefuse) {
  EXPECT_FALSE(Queue("set " + KeyOf(0) + " v"));
  EXPECT_FALSE(Queue("eval x none"));
  EXPECT_EQ(transaction_.FindNode(routing_, &failure_), (NodeId{0, 0}));
}

TEST_F(TransactionTest, FindsItsNodeByALaterSnapshotAndKeysThatWereDrivenApart) {
  const std::string key = KeyOf(0);
  EXPECT_FALSE(Queue("set " + key + " v"));
  // Another of the first node's, which the later snapshot gives to another node than the first.
  conf::Config config = TwoNodes();
  config.pools[0].nodes.push_back({"r2", {"10.0.0.3", 1, ""}, 1});
  const auto later = MakeSnapshot(std::move(config));
  std::string moved;
  for (int i = 0; moved.empty(); ++i) {
    const std::string other = "m" + std::to_string(i);
    const bool was_together = RouteKey(*snapshot_, snapshot_->listeners[0], other).node == 0;
    if (was_together && RouteKey(*later, later->listeners[0], other) != RouteKey(*later, later->listeners[0], key))
      moved = other;
  }
  EXPECT_EQ(transaction_.FindNode({*later, 0}, &failure_), RouteKey(*later, later->listeners[0], key));
  EXPECT_FALSE(Queue("set " + moved + " v"));
  EXPECT_EQ(transaction_.FindNode(routing_, &failure_), (NodeId{0, 0}));
  EXPECT_FALSE(transaction_.FindNode({*later, 0}, &failure_));
  EXPECT_EQ(failure_.code, wire::ErrorCode::kCrossSlot);
  // That one command was queued by the later snapshot says nothing of those before it.
  const TestRequest ping({"ping"});
  EXPECT_FALSE(transaction_.Queue(*wire::FindRedisCommand(wire::Request(ping)), ping, {*later, 0}, pool_));
  EXPECT_FALSE(transaction_.FindNode({*later, 0}, &failure_));
}

TEST_F(TransactionTest, HasABoundOfCommandsAndOfBytes) {
  for (uint32_t i = 0; i < Transaction::kMostCommands; ++i) ASSERT_FALSE(Queue("ping"));
  const auto too_many = Queue("ping");
  ASSERT_TRUE(too_many);
  EXPECT_EQ(too_many->code, wire::ErrorCode::kTransactionTooLarge);

  conf::Config config = TwoNodes();
  config.listeners[0].limits.request_bytes = 64 << 10;
  const auto small = MakeSnapshot(std::move(config));
  Transaction large;
  const TestRequest half{"set", KeyOf(0), std::string(32 << 10, 'x')};
  const wire::CommandSpec& set = *wire::FindRedisCommand(wire::Request(half));
  EXPECT_FALSE(large.Queue(set, half, {*small, 0}, pool_));
  EXPECT_GE(large.held_bytes(), 32U << 10);
  const auto too_large = large.Queue(set, half, {*small, 0}, pool_);
  ASSERT_TRUE(too_large);
  EXPECT_EQ(too_large->code, wire::ErrorCode::kTransactionTooLarge);
  EXPECT_TRUE(large.is_aborted());
  EXPECT_LE(large.held_bytes(), 64U << 10);
}

TEST_F(TransactionTest, ManyCommandsOrManyBytesAreForALinkOfItsOwn) {
  for (uint32_t i = 0; i < Transaction::kSharedCommands; ++i) ASSERT_FALSE(Queue("ping"));
  EXPECT_FALSE(transaction_.is_large());
  EXPECT_FALSE(Queue("ping"));
  EXPECT_TRUE(transaction_.is_large());
  EXPECT_TRUE(transaction_.TakeWhole({0, 0}, 0, pool_).is_large());

  Transaction large;
  const TestRequest set{"set", KeyOf(0), std::string(Transaction::kSharedBytes, 'x')};
  EXPECT_FALSE(large.Queue(*wire::FindRedisCommand(wire::Request(set)), set, routing_, pool_));
  EXPECT_TRUE(large.is_large());
  EXPECT_TRUE(large.TakeWhole({0, 0}, 0, pool_).is_large());
}

TEST_F(TransactionTest, OneThatSelectsADatabaseLeavesItsLinkInItsOwn) {
  EXPECT_FALSE(Queue("select 5"));
  transaction_.NoteSelect(5);
  EXPECT_FALSE(Queue("ping"));
  const TransactionPart whole = transaction_.TakeWhole({0, 0}, 12, pool_);
  EXPECT_TRUE(whole.restores_database);
  EXPECT_EQ(whole.requests.bytes(),
            "*1\r\n$5\r\nMULTI\r\n*2\r\n$6\r\nselect\r\n$1\r\n5\r\n*1\r\n$4\r\nping\r\n"
            "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*1\r\n$4\r\nEXEC\r\n");
}

TEST_F(TransactionTest, WhatTheProxyDoesHasABoundToo) {
  const TestRequest id({"client", "id"});
  const wire::CommandSpec& spec = *wire::FindRedisCommand(wire::Request(id));
  EXPECT_EQ(transaction_.spliced(), nullptr);
  for (size_t i = 0; i < SplicedCommands::kMost; ++i) ASSERT_FALSE(transaction_.Splice(spec, id, routing_));
  EXPECT_EQ(transaction_.queued(), SplicedCommands::kMost);
  EXPECT_EQ(transaction_.count(), 0U);
  const auto too_many = transaction_.Splice(spec, id, routing_);
  ASSERT_TRUE(too_many);
  EXPECT_EQ(too_many->code, wire::ErrorCode::kTransactionTooLarge);
  EXPECT_TRUE(transaction_.is_aborted());
}

TEST_F(TransactionTest, CostsItsNodeWhatItsHeaviestCommandDoes) {
  EXPECT_FALSE(Queue("get a"));
  EXPECT_EQ(transaction_.work(), wire::Work::kPlain);
  EXPECT_FALSE(Queue("script flush"));
  EXPECT_EQ(transaction_.work(), wire::Work::kForeign);
  EXPECT_FALSE(Queue("eval return 0"));
  EXPECT_FALSE(Queue("get a"));
  EXPECT_EQ(transaction_.work(), wire::Work::kScript);
}

TEST_F(TransactionTest, ShowsItsCommandsInOrder) {
  const std::string key = KeyOf(0);
  EXPECT_FALSE(Queue("set " + key + " v"));
  EXPECT_FALSE(Queue("object encoding " + key));
  std::vector<std::string> seen;
  transaction_.ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
    seen.push_back(std::string(spec.name) + "/" + std::to_string(request.size()));
  });
  EXPECT_THAT(seen, ElementsAre("set/3", "object|encoding/3"));
}

class SpreadTransactionTest : public TransactionTest {
 protected:
  SpreadTransactionTest() { Allow(); }
  void Allow() {
    conf::Config config = TwoNodes();
    config.pools[0].transactions = conf::TransactionScope::kPerNode;
    spread_ = MakeSnapshot(std::move(config));
  }
  std::optional<wire::Failure> Queue(std::string_view line) {
    const TestRequest request(TestRequest::Split(line));
    return transaction_.Queue(*wire::FindRedisCommand(wire::Request(request)), request, {*spread_, 0}, pool_);
  }
  static size_t Count(std::string_view text, std::string_view word) {
    size_t count = 0;
    for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
    return count;
  }

  std::shared_ptr<const Snapshot> spread_;
  std::vector<uint32_t> part_of_command_;
};

TEST_F(SpreadTransactionTest, IsAPartForEachNodeInTheOrderOfTheirFirstCommands) {
  const std::string a = KeyOf(1);
  const std::string b = KeyOf(0);
  EXPECT_FALSE(Queue("set " + a + " 1"));
  EXPECT_FALSE(Queue("set " + b + " 2"));
  EXPECT_FALSE(Queue("get " + a));
  ASSERT_FALSE(transaction_.FindNode({*spread_, 0}, &failure_));
  ASSERT_TRUE(transaction_.is_spread());
  const auto parts = transaction_.Split({*spread_, 0}, pool_, &part_of_command_);
  EXPECT_THAT(part_of_command_, ElementsAre(0, 1, 0));
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].node, (NodeId{0, 1}));
  EXPECT_EQ(parts[0].commands, 2U);
  EXPECT_EQ(parts[1].node, (NodeId{0, 0}));
  EXPECT_EQ(parts[1].commands, 1U);
  const std::string size = "$" + std::to_string(b.size()) + "\r\n" + b + "\r\n";
  EXPECT_EQ(parts[1].requests.bytes(),
            "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nset\r\n" + size + "$1\r\n2\r\n*1\r\n$4\r\nEXEC\r\n");
  EXPECT_EQ(Count(parts[0].requests.bytes(), "MULTI"), 1U);
  EXPECT_EQ(Count(parts[0].requests.bytes(), a), 2U);
}

TEST_F(SpreadTransactionTest, WhatHasNoKeyGoesWithTheCommandBeforeIt) {
  EXPECT_FALSE(Queue("ping"));
  EXPECT_FALSE(Queue("set " + KeyOf(0) + " 1"));
  EXPECT_FALSE(Queue("set " + KeyOf(1) + " 1"));
  EXPECT_FALSE(Queue("publish news 1"));
  EXPECT_FALSE(Queue("get " + KeyOf(0)));
  EXPECT_FALSE(Queue("time"));
  ASSERT_FALSE(transaction_.FindNode({*spread_, 0}, &failure_));
  const auto parts = transaction_.Split({*spread_, 0}, pool_, &part_of_command_);
  EXPECT_THAT(part_of_command_, ElementsAre(0, 0, 1, 1, 0, 0));
}

TEST_F(SpreadTransactionTest, KeysOfOneNodeAreSentAsEver) {
  EXPECT_FALSE(Queue("set " + KeyOf(1) + " 1"));
  EXPECT_FALSE(Queue("ping"));
  EXPECT_EQ(transaction_.FindNode({*spread_, 0}, &failure_), (NodeId{0, 1}));
  EXPECT_FALSE(transaction_.is_spread());
}

TEST_F(SpreadTransactionTest, TheKeysOfOneCommandHaveToLieTogether) {
  const std::string line = "mget " + KeyOf(1) + " " + KeyOf(0);
  const TestRequest request(TestRequest::Split(line));
  const auto failure =
      transaction_.Queue(*wire::FindRedisCommand(wire::Request(request)), request, {*spread_, 0}, pool_);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, wire::ErrorCode::kCrossSlot);
  EXPECT_EQ(failure->key, KeyOf(1));
  EXPECT_EQ(failure->other_key, KeyOf(0));
  EXPECT_TRUE(transaction_.is_aborted());
}

TEST_F(SpreadTransactionTest, OneThatSelectsADatabaseStaysOnOneNode) {
  EXPECT_FALSE(Queue("set " + KeyOf(0) + " 1"));
  EXPECT_FALSE(Queue("select 5"));
  transaction_.NoteSelect(5);
  const auto failure = Queue("set " + KeyOf(1) + " 1");
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, wire::ErrorCode::kCrossSlot);
}

TEST_F(SpreadTransactionTest, AReloadThatForbidsItLeavesItWithoutANode) {
  EXPECT_FALSE(Queue("set " + KeyOf(0) + " 1"));
  EXPECT_FALSE(Queue("set " + KeyOf(1) + " 1"));
  EXPECT_FALSE(transaction_.FindNode(routing_, &failure_));
  EXPECT_FALSE(transaction_.is_spread());
  EXPECT_EQ(failure_.code, wire::ErrorCode::kCrossSlot);
}

TEST_F(SpreadTransactionTest, AReloadThatAllowsItSpreadsWhatItDrivesApart) {
  EXPECT_FALSE(TransactionTest::Queue("set " + KeyOf(0) + " 1"));
  EXPECT_FALSE(Queue("set " + KeyOf(1) + " 1"));
  EXPECT_FALSE(transaction_.FindNode({*spread_, 0}, &failure_));
  ASSERT_TRUE(transaction_.is_spread());
  EXPECT_EQ(transaction_.Split({*spread_, 0}, pool_, &part_of_command_).size(), 2U);
}

TEST_F(SpreadTransactionTest, EachNodeIsBroughtTheTextOfAScript) {
  const auto text = std::make_shared<const std::string>("return 1");
  const std::string queued = "eval x 1 " + KeyOf(0);
  EXPECT_FALSE(Queue(queued));
  const TestRequest here(TestRequest::Split(queued));
  const wire::CommandSpec& eval = *wire::FindRedisCommand(wire::Request(here));
  const auto at = transaction_.NodeAmongSeveral(eval, here, {*spread_, 0});
  ASSERT_EQ(at, (NodeId{0, 0}));
  transaction_.NoteScript(text, at);
  EXPECT_FALSE(transaction_.NeedsScript(text, at));
  EXPECT_TRUE(transaction_.NeedsScript(text, NodeId{0, 1}));
  // Where all keys lie on one node nobody asks for it.
  EXPECT_FALSE(transaction_.NodeAmongSeveral(eval, here, routing_));
}

}  // namespace
}  // namespace ringproxy::proxy
