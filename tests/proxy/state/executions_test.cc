#include "proxy/state/executions.h"

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

class ExecutionsTest : public DispatcherTest {
 protected:
  ExecutionsTest() {
    sink_.executions = &executions_;
    sink_.parts = &executions_.parts();
  }

  // Of so many commands on node 0.
  void Execute(int commands = 2) {
    Transaction transaction;
    const std::string encoded = Encode({"set", KeyOf(0), "v"});
    for (int i = 0; i < commands; ++i) {
      wire::RequestParser parser{wire::Limits{}};
      parser.Parse(encoded);
      const wire::Request request = parser.request();
      ASSERT_FALSE(transaction.Queue(*wire::FindRedisCommand(request), request, {*snapshot_, 0}, io_.blocks));
    }
    executions_.Start(transaction, {*held_, 0, 0}, {0, 0, 0, Ticket::Kind::kSession});
  }

  // One command on each of the two nodes.
  void ExecuteOnBoth() {
    config_.pools[0].transactions = conf::TransactionScope::kPerNode;
    Make();
    StartOnBoth();
  }
  void StartOnBoth() {
    Transaction transaction;
    for (const uint32_t node : {0, 1}) {
      const std::string encoded = Encode({"set", KeyOf(node), "v"});
      wire::RequestParser parser{wire::Limits{}};
      parser.Parse(encoded);
      const wire::Request request = parser.request();
      ASSERT_FALSE(transaction.Queue(*wire::FindRedisCommand(request), request, {*snapshot_, 0}, io_.blocks));
    }
    executions_.Start(transaction, {*held_, 0, 0}, {0, 0, 0, Ticket::Kind::kSession});
  }

  Executions executions_{io_, sink_};
};

TEST_F(ExecutionsTest, TheClientReadsTheReplyToExecAlone) {
  Execute();
  FlushAll();
  const std::string written = Node(0).TakeWritten();
  EXPECT_TRUE(written.starts_with("*1\r\n$5\r\nMULTI\r\n")) << written;
  EXPECT_TRUE(written.ends_with("*1\r\n$4\r\nEXEC\r\n")) << written;
  Node(0).Receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_TRUE(TakeReplies().empty());
  Node(0).Receive("*2\r\n+OK\r\n-WRONGTYPE no\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*2\r\n+OK\r\n-WRONGTYPE no\r\n"});
  EXPECT_EQ(executions_.open(), 0U);
  EXPECT_EQ(Stats(0).in_flight.value(), 0U);
}

TEST_F(ExecutionsTest, ARefusalOfTheNodeIsTheReasonThatExecNames) {
  Execute();
  FlushAll();
  Node(0).Receive(
      "+OK\r\n-OOM command not allowed\r\n-LATER\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(TakeReplies(), Words{"transaction_discarded"});
}

TEST_F(ExecutionsTest, WhereMultiIsRefusedNobodyIsToldThatNothingRan) {
  Execute();
  FlushAll();
  Node(0).Receive("-NOPERM\r\n+OK\r\n+OK\r\n-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(TakeReplies(), Words{"transaction_unknown"});
}

TEST_F(ExecutionsTest, ALostLinkLeavesWhatWasSentUnknownAndDiscardsWhatWasNot) {
  Execute();
  FlushAll();
  Execute();
  Node(0).Receive("+OK\r\n+QUEUED\r\n");
  Node(0).ReceiveEnd();
  EXPECT_EQ(TakeReplies(), (Words{"transaction_unknown", "transaction_discarded"}));
  EXPECT_EQ(executions_.open(), 0U);
}

TEST_F(ExecutionsTest, ATimeoutLeavesItUnknownAndItsLateRepliesAreNobodys) {
  Execute();
  FlushAll();
  Dispatch({"get", KeyOf(0)});
  loop_.Advance(std::chrono::seconds(2));
  EXPECT_EQ(TakeReplies(), (Words{"transaction_unknown", "timeout"}));
  Node(0).Receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n$-1\r\n");
  EXPECT_TRUE(TakeReplies().empty());
  Dispatch({"get", KeyOf(0)});
  Node(0).Receive("$1\r\nv\r\n");
  EXPECT_EQ(TakeReplies(), Words{"$1\r\nv\r\n"});
}

TEST_F(ExecutionsTest, ANodeThatIsDownIsSentNothing) {
  Eject(0);
  Execute();
  FlushAll();
  EXPECT_EQ(TakeReplies(), Words{"transaction_discarded"});
  EXPECT_TRUE(Node(0).TakeWritten().empty());
  EXPECT_FALSE(held_->is_used());
}

TEST_F(ExecutionsTest, PerNodeEachNodeGetsATransactionOfItsOwn) {
  ExecuteOnBoth();
  FlushAll();
  for (const uint32_t node : {0, 1}) {
    EXPECT_EQ(Node(node).TakeWritten(), Encode({"MULTI"}) + Encode({"set", KeyOf(node), "v"}) + Encode({"EXEC"}));
  }
  Node(1).Receive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  EXPECT_TRUE(TakeReplies().empty());
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n:0\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*2\r\n:0\r\n:1\r\n"});
  EXPECT_FALSE(held_->is_used());
  EXPECT_EQ(executions_.open(), 0U);
}

TEST_F(ExecutionsTest, PerNodeANodeThatIsKnownToBeDownRefusesTheWhole) {
  ExecuteOnBoth();
  FlushAll();
  Asked();
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n:0\r\n");
  Node(1).Receive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  TakeReplies();
  Eject(1);
  StartOnBoth();
  FlushAll();
  EXPECT_EQ(TakeReplies(), Words{"transaction_discarded"});
  EXPECT_TRUE(Asked().empty());
  EXPECT_FALSE(held_->is_used());
}

TEST_F(ExecutionsTest, PerNodeALostNodeFailsItsOwnCommands) {
  ExecuteOnBoth();
  FlushAll();
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n:0\r\n");
  Node(1).Receive("+OK\r\n");
  Node(1).ReceiveEnd();
  EXPECT_EQ(TakeReplies(), Words{"*2\r\n:0\r\n-ERR transaction sent to main1, no reply: it may have run\r\n"});
  EXPECT_FALSE(held_->is_used());
}

TEST_F(ExecutionsTest, PerNodeARefusalOfOneNodeStandsInItsPlaces) {
  ExecuteOnBoth();
  FlushAll();
  Node(0).Receive("+OK\r\n-OOM no\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  Node(1).Receive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*2\r\n-OOM no\r\n:1\r\n"});
  StartOnBoth();
  FlushAll();
  for (const uint32_t node : {0, 1})
    Node(node).Receive("+OK\r\n-OOM no\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(TakeReplies(), Words{"transaction_discarded"});
}

}  // namespace
}  // namespace ringproxy::proxy
