#include "proxy/route/dispatcher.h"

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

TEST_F(DispatcherTest, SendsAKeyToItsOwnerAndALongerPrefixToItsPool) {
  Dispatch({"GET", KeyOf(1)});
  EXPECT_EQ(Node(1).TakeWritten(), encoded_);
  Dispatch({"GET", "cart:7"});
  EXPECT_EQ(Node(2).TakeWritten(), encoded_);
}

TEST_F(DispatcherTest, CountsARequestForThePoolOfItsFirstKeyOrTheDefaultOne) {
  const ListenerSnapshot& listener = (*held_)->listeners[0];
  const uint32_t cart = listener.routes.front().pool;
  const uint32_t others = listener.routes.back().pool;
  ASSERT_NE(cart, others);
  EXPECT_EQ(PoolOf({"GET", "cart:7"}), cart);
  EXPECT_EQ(PoolOf({"GET", "k"}), others);
  EXPECT_EQ(PoolOf({"MGET", "cart:7", "k"}), cart);
  EXPECT_EQ(PoolOf({"MGET", "k", "cart:7"}), others);
  EXPECT_EQ(PoolOf({"EVAL", "return 1", "1", "cart:7"}), cart);
  EXPECT_EQ(PoolOf({"EVAL", "return 1", "0"}), others);
  EXPECT_EQ(PoolOf({"DBSIZE"}), others);
}

// See semantics.md 4.
TEST_F(DispatcherTest, ForwardsAMultiKeyCommandOfOneNodeUntouched) {
  Dispatch({"mGeT", KeyOf(0), KeyOf(0), KeyOf(0, "other")});
  EXPECT_EQ(Node(0).TakeWritten(), encoded_);
  EXPECT_EQ(fanout_->open(), 0U);
}

// semantics.md 1 to 4: duplicates keep their places.
TEST_F(DispatcherTest, SplitsByNodeAndMergesInKeyOrder) {
  const std::string a = KeyOf(0);
  const std::string b = KeyOf(1);
  Dispatch({"MGET", b, a, "cart:1", b});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"MGET", a}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"MGET", b, b}));
  EXPECT_EQ(Node(2).TakeWritten(), Encode({"MGET", "cart:1"}));
  Node(2).Receive("*1\r\n$1\r\nc\r\n");
  Node(1).Receive("*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
  EXPECT_TRUE(sink_.replies.empty());
  Node(0).Receive("*1\r\n$-1\r\n");
  EXPECT_EQ(sink_.replies, std::vector<std::string>{"*4\r\n$1\r\n1\r\n$-1\r\n$1\r\nc\r\n$1\r\n2\r\n"});
}

TEST_F(DispatcherTest, KeepsKeysAndValuesTogetherWhenItSplitsAnMset) {
  const std::string a = KeyOf(0);
  const std::string b = KeyOf(1);
  Dispatch({"MSET", a, "1", b, "2", a, "3"});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"MSET", a, "1", a, "3"}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"MSET", b, "2"}));
  Node(0).Receive("+OK\r\n");
  Node(1).Receive("-OOM command not allowed\r\n");
  EXPECT_EQ(sink_.replies, std::vector<std::string>{"-OOM command not allowed\r\n"});  // See semantics.md 3.
}

TEST_F(DispatcherTest, AnswersASplitCommandWithTheErrorOfItsDeadNode) {
  Node(0).ReceiveEnd();
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  Dispatch({"DEL", KeyOf(0), KeyOf(1)});
  Node(1).Receive(":1\r\n");
  EXPECT_EQ(sink_.replies, std::vector<std::string>{"-NODEDOWN node main0 of pool main is down\r\n"});
}

TEST_F(DispatcherTest, RefusesKeysOfDifferentNodesThatCannotBeSplitAndKeysThatAreTooLong) {
  Dispatch({"RENAME", KeyOf(0), KeyOf(1)});
  Dispatch({"GET", std::string(101, 'k')});
  Dispatch({"MGET", "k", std::string(101, 'k')});
  EXPECT_EQ(sink_.replies, (std::vector<std::string>{"cross_slot", "key_too_long", "key_too_long"}));
}

TEST_F(DispatcherTest, AsksEveryNodeThatTheListenerReaches) {
  Dispatch({"DBSIZE"});
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(Node(i).TakeWritten(), encoded_);
  EXPECT_EQ(Node(3).TakeWritten(), "");
  for (size_t i = 0; i < 3; ++i) Node(i).Receive(":" + std::to_string(i + 1) + "\r\n");
  EXPECT_EQ(sink_.replies, std::vector<std::string>{":6\r\n"});
}

TEST_F(DispatcherTest, GivesEveryPartWhatStandsBehindTheKeys) {
  const std::string a = KeyOf(0), b = KeyOf(1);
  Dispatch({"JSON.MGET", b, a, b, "$.x"});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"JSON.MGET", a, "$.x"}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"JSON.MGET", b, b, "$.x"}));
  Node(0).Receive("*1\r\n$1\r\n1\r\n");
  Node(1).Receive("*2\r\n$1\r\n2\r\n$-1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*3\r\n$1\r\n2\r\n$1\r\n1\r\n$-1\r\n"});
  Dispatch({"TS.MADD", b, "1", "1.5", a, "1", "2.5"});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"TS.MADD", a, "1", "2.5"}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"TS.MADD", b, "1", "1.5"}));
  Node(0).Receive("*1\r\n-ERR TSDB: the key does not exist\r\n");
  Node(1).Receive("*1\r\n:1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*2\r\n:1\r\n-ERR TSDB: the key does not exist\r\n"});
}

TEST_F(DispatcherTest, RefusesWhatSeveralNodesCannotDoTogether) {
  Dispatch({"FT.SEARCH", "i", "*"});
  Dispatch({"TS.MRANGE", "-", "+", "FILTER", "a=b", "GROUPBY", "a", "REDUCE", "max"});
  EXPECT_TRUE(Asked().empty());
  const Words replies = TakeReplies();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_TRUE(replies[0].starts_with("-ERR 'ft.search' is not supported by ringproxy: an index")) << replies[0];
  EXPECT_TRUE(replies[1].starts_with("-ERR 'ts.mrange' is not supported by ringproxy: GROUPBY")) << replies[1];
  EXPECT_EQ(refusals_.codes, std::vector(2, wire::ErrorCode::kNotSupported));
  Dispatch({"TS.MRANGE", "-", "+", "FILTER", "a=b"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0, 1, 2}));
}

TEST_F(DispatcherTest, LeavesToTheOnlyNodeWhatOneCanDo) {
  config_.pools[0].nodes.pop_back();
  config_.listeners[0].routes = {{"", "main"}};
  Make();
  for (const Words& request :
       {Words{"FT.SEARCH", "i", "*"}, Words{"TS.MRANGE", "-", "+", "FILTER", "a=b", "GROUPBY"}}) {
    Dispatch(request);
    EXPECT_EQ(Node(0).TakeWritten(), encoded_);
  }
}

TEST_F(DispatcherTest, AsksANodeThatLivesWhenAnyWillDo) {
  Node(0).ReceiveEnd();
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  Dispatch({"TIME"});
  EXPECT_EQ(Node(1).TakeWritten(), encoded_);
}

TEST_F(DispatcherTest, SendsAScriptWithoutKeysAlwaysToTheSameNode) {
  Dispatch({"EVAL", "return 1", "0"});
  const uint32_t owner = RouteKey(*snapshot_, snapshot_->listeners[0], "").node;
  EXPECT_EQ(Node(owner).TakeWritten(), encoded_);
}

conf::Config WithGutter() {
  conf::Config config = ThreePools();
  config.pools[0].on_down = {conf::DownPolicy::kGutter, "unreached"};
  config.pools[0].gutter_ttl = std::chrono::seconds(5);
  return config;
}

class GutterTest : public DispatcherTest {
 protected:
  GutterTest() : DispatcherTest(WithGutter()) { Publish(0, backends::Verdict::kEjected); }
  test::FakeSocket& Gutter() { return Node(3); }
};

TEST_F(GutterTest, TakesTheKeysOfANodeThatIsOutWithTheirExpiriesCapped) {
  const std::string key = KeyOf(0);
  Dispatch({"GET", key});
  EXPECT_EQ(Gutter().TakeWritten(), encoded_);
  Dispatch({"SET", key, "v", "EX", "100"});
  EXPECT_EQ(Gutter().TakeWritten(), Encode({"SET", key, "v", "EX", "5"}));
  EXPECT_EQ(Node(0).TakeWritten(), "");
  Dispatch({"SET", KeyOf(1), "v"});
  EXPECT_EQ(Node(1).TakeWritten(), encoded_);
}

TEST_F(GutterTest, IsNeverAskedToCountLockOrKeepForEver) {
  for (const std::vector<std::string>& request : std::vector<std::vector<std::string>>{
           {"INCR", KeyOf(0)}, {"SET", KeyOf(0), "v", "NX"}, {"LPUSH", KeyOf(0), "v"}, {"MSET", KeyOf(0), "v"}}) {
    sink_.replies.clear();
    Dispatch(request);
    EXPECT_EQ(sink_.replies, std::vector<std::string>{"node_down"}) << request[0];
    EXPECT_EQ(Gutter().TakeWritten(), "");
  }
}

TEST_F(GutterTest, AnswersItsPartOfASplitCommand) {
  const std::string down = KeyOf(0);
  const std::string up = KeyOf(1);
  Dispatch({"MGET", down, up});
  EXPECT_EQ(Gutter().TakeWritten(), Encode({"MGET", down}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"MGET", up}));
  Dispatch({"MSET", down, "1", up, "2"});
  EXPECT_EQ(Gutter().TakeWritten(), "");
  Gutter().Receive("*1\r\n$1\r\na\r\n");
  Node(1).Receive("*1\r\n$1\r\nb\r\n+OK\r\n");
  EXPECT_EQ(sink_.replies, (std::vector<std::string>{"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
                                                     "-NODEDOWN node main0 of pool main is down\r\n"}));
}

TEST_F(GutterTest, IsNoHelpWhenItIsDownItself) {
  Publish(3, backends::Verdict::kEjected);
  Dispatch({"GET", KeyOf(0)});
  EXPECT_EQ(sink_.replies, std::vector<std::string>{"node_down"});
}

}  // namespace
}  // namespace ringproxy::proxy
