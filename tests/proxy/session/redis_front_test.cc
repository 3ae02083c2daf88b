// What clients read, and what reaches a node.
#include "proxy/session/redis_front.h"

#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

// The error is all: nothing that the client sends later means something else because of it.
TEST_F(RedisFrontTest, ARefusalLeavesTheClientAsItWas) {
  Start();
  size_t refused = 0;
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    const bool is_family = !wire::SubcommandsOf(spec).empty();
    if (spec.handling != wire::Handling::kRefused || is_family) continue;
    ++refused;
    test::FakeSocket& client = NewClient();
    EXPECT_THAT(AskOne(client, Shortest(spec)), HasSubstr("is not supported by ringproxy: ")) << spec.name;
    EXPECT_FALSE(client.closed()) << spec.name;
    EXPECT_TRUE(Executes(client)) << spec.name;
    EXPECT_EQ(AskOne(client, {"EXEC"}), "-ERR EXEC without MULTI\r\n") << spec.name;
  }
  EXPECT_GT(refused, 50U);
}

TEST_F(RedisFrontTest, EndsATransactionByResetAndByAnExecOfAnyShape) {
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
