// Redis clients around a whole worker: what they read, and what reaches a node.
#include "proxy/session/redis_front.h"

#include <gmock/gmock.h>

#include "backends/wire/resp_reply.h"
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RedisFrontTest : public WorkerFixture {
 protected:
  // The replies to what was sent, one string each.
  std::vector<std::string> Replies(test::FakeSocket& client) {
    Settle();
    const std::string all = client.TakeWritten();
    std::vector<std::string> replies;
    wire::RespReplyFramer framer;
    for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(framer.size())) {
      framer.Reset();
      EXPECT_EQ(framer.Frame(rest), wire::ReplyFramer::FrameStatus::kReply) << rest;
      replies.emplace_back(rest.substr(0, framer.size()));
    }
    return replies;
  }
  std::vector<std::string> Ask(test::FakeSocket& client, const std::vector<std::vector<std::string>>& requests) {
    std::string bytes;
    for (const auto& request : requests) bytes += Encode(request);
    client.Receive(bytes);
    return Replies(client);
  }
  std::string AskOne(test::FakeSocket& client, const std::vector<std::string>& request) {
    const std::vector<std::string> replies = Ask(client, {request});
    return replies.size() == 1 ? replies[0] : "not one reply";
  }
  // A SET reaches its node.
  bool Executes(test::FakeSocket& client) {
    Ask(client, {{"SET", KeyOf(0), "v"}});
    if (Node(0).TakeWritten().empty()) return false;
    Node(0).Receive("+OK\r\n");
    EXPECT_EQ(Replies(client), std::vector<std::string>{"+OK\r\n"});
    return true;
  }
  // A request of the row with as few arguments as it takes.
  static std::vector<std::string> Shortest(const wire::CommandSpec& spec) {
    std::vector<std::string> words = {std::string(spec.name.substr(0, spec.name.find('|')))};
    if (words[0] != spec.name) words.emplace_back(spec.name.substr(words[0].size() + 1));
    while (static_cast<int>(words.size()) < std::abs(spec.arity)) words.emplace_back("1");
    return words;
  }
  uint64_t Refusals(std::string_view command, wire::ErrorCode code) const {
    const auto reason = std::ranges::find(kRefusalReasons, code) - std::begin(kRefusalReasons);
    return stats_->listeners[0].refusals.value(wire::CommandIndex(*wire::FindRedisCommand(command)),
                                               static_cast<size_t>(reason));
  }
};

// Goes through the column: after each refusal the client is where its row says, and nowhere else.
TEST_F(RedisFrontTest, EveryRefusalLeavesTheClientWhereItsRowSays) {
  Start();
  size_t refused = 0;
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    const bool is_family = !wire::SubcommandsOf(spec).empty();
    const bool is_select = spec.after_refusal == wire::AfterRefusal::kDatabase;
    if ((spec.handling != wire::Handling::kRefused && !is_select) || is_family) continue;
    ++refused;
    test::FakeSocket& client = NewClient();
    EXPECT_THAT(AskOne(client, Shortest(spec)), HasSubstr("is not supported by ringproxy: ")) << spec.name;
    EXPECT_FALSE(client.closed()) << spec.name;
    switch (spec.after_refusal) {
      case wire::AfterRefusal::kNothing: break;
      case wire::AfterRefusal::kTransaction:
        EXPECT_FALSE(Executes(client));
        EXPECT_EQ(AskOne(client, {"EXEC"}), "-EXECABORT Transaction discarded because of previous errors.\r\n");
        break;
      case wire::AfterRefusal::kNextMulti:
        EXPECT_TRUE(Executes(client));
        EXPECT_THAT(AskOne(client, {"MULTI"}), HasSubstr("the WATCH before it was refused"));
        EXPECT_FALSE(Executes(client));
        EXPECT_EQ(AskOne(client, {"DISCARD"}), "+OK\r\n");
        break;
      case wire::AfterRefusal::kDatabase:
        EXPECT_FALSE(Executes(client));
        EXPECT_EQ(AskOne(client, {"FLUSHALL"}), "-ERR database 1 is not served here: SELECT 0 first\r\n");
        EXPECT_EQ(AskOne(client, {"SELECT", "0"}), "+OK\r\n");
        break;
    }
    EXPECT_TRUE(Executes(client)) << spec.name;
    EXPECT_EQ(AskOne(client, {"EXEC"}), "-ERR EXEC without MULTI\r\n") << spec.name;
  }
  EXPECT_GT(refused, 100U);
}

TEST_F(RedisFrontTest, ExecutesNothingOfARefusedTransactionThatCameInOneWrite) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::vector<std::string> replies = Ask(client, {{"MULTI"},
                                                        {"SET", KeyOf(0), "1"},
                                                        {"MGET", KeyOf(0), KeyOf(1)},
                                                        {"PING"},
                                                        {"NOSUCH"},
                                                        {"GET"},
                                                        {"MULTI"},
                                                        {"WATCH", "k"},
                                                        {"EXEC"},
                                                        {"PING"}});
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  ASSERT_EQ(replies.size(), 10U);
  EXPECT_THAT(replies[0], StartsWith("-ERR 'multi' is not supported by ringproxy: "));
  for (const size_t i : {1, 2, 3, 6, 7})
    EXPECT_THAT(replies[i], HasSubstr("is not executed: its transaction was refused")) << i;
  EXPECT_THAT(replies[4], StartsWith("-ERR unknown command"));
  EXPECT_THAT(replies[5], StartsWith("-ERR wrong number of arguments"));
  EXPECT_EQ(replies[8], "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(replies[9], "+PONG\r\n");
  EXPECT_EQ(Refusals("set", wire::ErrorCode::kTransactionRefused), 1U);
  EXPECT_EQ(Refusals("multi", wire::ErrorCode::kNotSupported), 1U);
}

TEST_F(RedisFrontTest, EndsARefusedTransactionByResetAndByAnExecOfAnyShape) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"RESET"}})[1], "+RESET\r\n");
  EXPECT_TRUE(Executes(client));
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"DISCARD", "x"}, {"EXEC", "x"}})[2],
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n");
  EXPECT_TRUE(Executes(client));
  Ask(client, {{"MULTI"}, {"QUIT"}});
  EXPECT_TRUE(client.closed());
}

TEST_F(RedisFrontTest, TouchesNoDatabaseAfterARefusedSelectThatCameInOneWrite) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::vector<std::string> replies = Ask(client, {{"SELECT", "7"},
                                                        {"SET", KeyOf(0), "1"},
                                                        {"FLUSHDB"},
                                                        {"DBSIZE"},
                                                        {"EVAL", "return 1", "0"},
                                                        {"SELECT", "-1"},
                                                        {"SELECT", "x"},
                                                        {"GET", KeyOf(0)},
                                                        {"PING"}});
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  ASSERT_EQ(replies.size(), 9U);
  for (const size_t i : {1, 2, 3, 4, 7}) {
    EXPECT_EQ(replies[i], "-ERR database 7 is not served here: SELECT 0 first\r\n") << i;
  }
  EXPECT_EQ(replies[8], "+PONG\r\n");
  EXPECT_EQ(AskOne(client, {"RESET"}), "+RESET\r\n");
  EXPECT_TRUE(Executes(client));
}

TEST_F(RedisFrontTest, NamesTheKeysAndTheirNodesWhereTheyLieApart) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string long_key = KeyOf(1) + std::string(300, 'x');
  EXPECT_EQ(AskOne(client, {"RENAME", KeyOf(0), KeyOf(1)}),
            "-CROSSSLOT Keys in request don't hash to the same node: '" + KeyOf(0) + "' is on r0, '" + KeyOf(1) +
                "' on r1; use a hash tag or a route\r\n");
  EXPECT_EQ(Refusals("rename", wire::ErrorCode::kCrossSlot), 1U);
  EXPECT_EQ(AskOne(client, {"RENAME", KeyOf(0), long_key}).find(std::string(129, 'x')), std::string::npos);
}

TEST_F(RedisFrontTest, KeepsBackTheRepliesThatTheClientDoesNotWant) {
  Start();
  test::FakeSocket& client = NewClient();
  const auto pipeline = [&](const std::vector<std::vector<std::string>>& requests) {
    std::string all;
    for (const std::string& reply : Ask(client, requests)) all += reply;
    return all;
  };
  EXPECT_EQ(pipeline({{"CLIENT", "REPLY", "OFF"},
                      {"PING"},
                      {"NOSUCH"},
                      {"CLIENT", "REPLY", "SKIP"},
                      {"PING"},
                      {"CLIENT", "REPLY", "ON"},
                      {"PING"}}),
            "+OK\r\n+PONG\r\n");
  EXPECT_EQ(pipeline({{"CLIENT", "REPLY", "SKIP"}, {"CLIENT", "REPLY", "SKIP"}, {"PING", "a"}, {"PING", "b"}}),
            "$1\r\nb\r\n");
  EXPECT_EQ(pipeline({{"CLIENT", "REPLY", "SKIP"}, {"CLIENT", "REPLY", "x"}, {"PING"}}), "+PONG\r\n");
  EXPECT_EQ(pipeline({{"CLIENT", "REPLY", "SKIP"}, {"CLIENT", "REPLY", "ON"}}), "+OK\r\n");
  EXPECT_EQ(pipeline({{"CLIENT", "REPLY", "OFF"}, {"RESET"}, {"PING"}}), "+RESET\r\n+PONG\r\n");
  EXPECT_EQ(pipeline({{"CLIENT", "REPLY", "x"}}), "-ERR syntax error\r\n");
  // A node's replies likewise, whether they are words or a failure.
  pipeline({{"CLIENT", "REPLY", "SKIP"},
            {"SET", KeyOf(0), "1"},
            {"GET", KeyOf(1)},
            {"CLIENT", "REPLY", "OFF"},
            {"GET", KeyOf(0)}});
  Node(0).Receive("+OK\r\n$6\r\nhidden\r\n");
  Node(1).Receive("$4\r\nseen\r\n");
  EXPECT_EQ(Replies(client), std::vector<std::string>{"$4\r\nseen\r\n"});
  EXPECT_EQ(pipeline({{"QUIT"}}), "");
  EXPECT_TRUE(client.closed());
}

// See semantics.md 11.
TEST_F(RedisFrontTest, QuitAnswersWhatCameBeforeAndIgnoresWhatFollows) {
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

TEST_F(RedisFrontTest, ClosesAfterAProtocolErrorAndOnlyThatClient) {
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

TEST_F(RedisFrontTest, RefusesARequestThatIsTooLargeForTheMemoryBeforeItIsReceived) {
  memory_ = std::make_unique<net::ProcessMemory>(16 << 20, 1);
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n" + std::string(100'000, 'x'));
  Settle();
  EXPECT_EQ(client.written,
            "-ERR ringproxy has no memory left for this: ask for less at a time, read replies sooner, or raise "
            "memory_limit\r\n");
  EXPECT_TRUE(client.closed());
  EXPECT_LT(worker_->blocks().allocated_bytes(), 1U << 20);
  EXPECT_TRUE(Executes(NewClient()));
}

TEST_F(RedisFrontTest, PutsARequestTogetherThatComesByteByByteBetweenThoseOfOthers) {
  Start();
  test::FakeSocket& slow = NewClient();
  test::FakeSocket& slower = NewClient();
  test::FakeSocket& quick = NewClient();
  const std::string set = Encode({"SET", KeyOf(0), "value"});
  for (const char byte : set) {
    slow.Receive({byte});
    slower.Receive({byte});
    EXPECT_EQ(AskOne(quick, {"PING"}), "+PONG\r\n");
  }
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), set + set);
}

TEST_F(RedisFrontTest, ForwardsALargeValueAsItCame) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string set = Encode({"SET", KeyOf(0), std::string(1 << 20, 'v')});
  client.Receive(set + Encode({"PING"}));
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), set);
  Node(0).Receive("+OK\r\n");
  EXPECT_EQ(Replies(client), (std::vector<std::string>{"+OK\r\n", "+PONG\r\n"}));
}

TEST_F(RedisFrontTest, TakesInlineCommandsAndPassesOverEmptyLines) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive("\r\n\r\nping\r\nset " + KeyOf(0) + " \"a b\"\r\n");
  EXPECT_EQ(Replies(client), std::vector<std::string>{"+PONG\r\n"});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"set", KeyOf(0), "a b"}));
}

TEST_F(RedisFrontTest, ClosesOnABrowserWithoutAWord) {
  Start();
  for (const std::string line : {"POST /x HTTP/1.1\r\n", "Host: example.org\r\n"}) {
    test::FakeSocket& client = NewClient();
    client.Receive(line + Encode({"SET", KeyOf(0), "v"}));
    Settle();
    EXPECT_EQ(client.written, "");
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(Node(0).TakeWritten(), "");
}

TEST_F(RedisFrontTest, SaysWhatIsWrongWithARequestAndCountsItUnderItsCommand) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_THAT(AskOne(client, {"NOSUCH", "a"}),
              StartsWith("-ERR unknown command 'NOSUCH', with args beginning with: 'a'"));
  EXPECT_EQ(AskOne(client, {"GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_THAT(AskOne(client, {"CLIENT", "NOSUCH"}), StartsWith("-ERR unknown subcommand 'NOSUCH'"));
  EXPECT_EQ(AskOne(client, {"SELECT", "0"}), "+OK\r\n");
  EXPECT_EQ(Refusals("get", wire::ErrorCode::kWrongArity), 1U);
  EXPECT_EQ(Refusals("client", wire::ErrorCode::kUnknownCommand), 1U);
  const auto requests = [&](std::string_view command) {
    return stats_->listeners[0].requests[wire::CommandIndex(*wire::FindRedisCommand(command))].value();
  };
  EXPECT_EQ(requests("get"), 1U);
  EXPECT_EQ(requests("select"), 1U);
  EXPECT_EQ(stats_->listeners[0].requests[wire::RedisCommands().size()].value(), 1U);  // Unknown ones.
}

TEST_F(RedisFrontTest, ClosesWithoutAWordWhereNoRepliesAreWanted) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"CLIENT", "REPLY", "OFF"}) + "*1\r\n+oops\r\n");
  Settle();
  EXPECT_EQ(client.written, "");
  EXPECT_TRUE(client.closed());
}

class UnreadRepliesTest : public RedisFrontTest {
 protected:
  static constexpr size_t kBound = 2 << 20;  // A reply of COMMAND more than what may be unread.

  static std::string Many(const std::vector<std::string>& request, int times) {
    std::string bytes;
    for (int i = 0; i < times; ++i) bytes += Encode(request);
    return bytes;
  }
  size_t BytesHeld() const { return worker_->blocks().bytes_in_use(); }
};

TEST_F(UnreadRepliesTest, MakesNoMoreRepliesOfItsOwnThanTheClientReads) {
  Start();
  test::FakeSocket& client = NewClient();
  client.room = 0;
  client.Receive(Many({"COMMAND"}, 5000));
  Settle();
  EXPECT_FALSE(client.watches_reads);
  EXPECT_LT(BytesHeld(), kBound);
  // It reads on as the client does, loses nothing and stays within its bound.
  size_t replies = 0;
  wire::RespReplyFramer framer;
  std::string read;
  for (int turn = 0; turn < 100'000 && replies < 200; ++turn) {
    client.room = 400 << 10;
    if (client.watches_writes) client.observer->OnWritable();
    Settle();
    EXPECT_LT(BytesHeld(), kBound);
    read += client.TakeWritten();
    while (framer.Frame(read) == wire::ReplyFramer::FrameStatus::kReply) {
      ++replies;
      read.erase(0, framer.size());
      framer.Reset();
    }
  }
  EXPECT_GE(replies, 200U);
  EXPECT_FALSE(client.closed());
}

TEST_F(UnreadRepliesTest, CountsOwnRepliesThatWaitBehindASlowNode) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}) + Many({"COMMAND"}, 500));
  Settle();
  EXPECT_FALSE(client.watches_reads);
  EXPECT_LT(BytesHeld(), kBound);
  Node(0).Receive("$-1\r\n");
  for (int turn = 0; turn < 1000; ++turn) Settle();
  size_t replies = 0;
  wire::RespReplyFramer framer;
  for (std::string_view rest = client.written; !rest.empty(); rest.remove_prefix(framer.size())) {
    framer.Reset();
    ASSERT_EQ(framer.Frame(rest), wire::ReplyFramer::FrameStatus::kReply);
    ++replies;
  }
  EXPECT_EQ(replies, 501U);
  EXPECT_TRUE(client.watches_reads);
}

}  // namespace
}  // namespace ringproxy::proxy
