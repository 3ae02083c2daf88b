// Clients of a listener that has a password.
#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

TEST_F(RedisFrontTest, RefusesEverythingButALoginBeforeTheLogin) {
  conf::Config config = TwoNodes();
  config.listeners[0].password = "secret";
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string noauth = "-NOAUTH Authentication required.\r\n";
  const std::vector<std::string> replies = Ask(client, {{"NOSUCH"},
                                                        {"GET"},
                                                        {"GET", KeyOf(0)},
                                                        {"PING"},
                                                        {"MULTI"},
                                                        {"SUBSCRIBE", "c"},
                                                        {"CLIENT", "REPLY", "OFF"},
                                                        {"FLUSHALL"},
                                                        {"EXEC"},
                                                        {"RESET"},
                                                        {"AUTH", "wrong"},
                                                        {"SET", KeyOf(0), "v"}});
  ASSERT_EQ(replies.size(), 12U);
  EXPECT_THAT(replies[0], StartsWith("-ERR unknown command"));
  EXPECT_THAT(replies[1], StartsWith("-ERR wrong number of arguments"));
  for (const size_t i : {2, 3, 4, 5, 6, 7, 11}) EXPECT_EQ(replies[i], noauth) << i;
  EXPECT_EQ(replies[8], "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n");
  EXPECT_EQ(replies[9], "+RESET\r\n");
  EXPECT_THAT(replies[10], StartsWith("-WRONGPASS "));
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  EXPECT_EQ(Refusals("ping", wire::ErrorCode::kNoAuth), 1U);
  EXPECT_EQ(Refusals("auth", wire::ErrorCode::kWrongPassword), 1U);
  EXPECT_EQ(stats_->listeners[0].auth_failures.value(), 1U);
  EXPECT_EQ(AskOne(client, {"AUTH", "secret"}), "+OK\r\n");
  EXPECT_TRUE(Executes(client));
  EXPECT_EQ(Ask(client, {{"RESET"}, {"PING"}}), (std::vector<std::string>{"+RESET\r\n", noauth}));
  EXPECT_EQ(AskOne(client, {"QUIT"}), "+OK\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(RedisFrontTest, WhoHasNotLoggedInCanTakeLittleMemory) {
  conf::Config config = TwoNodes();
  config.listeners[0].password = "secret";
  Start(std::move(config));
  const std::string large = Encode({"SET", KeyOf(0), std::string(20'000, 'v')});
  const std::string many = Encode(std::vector<std::string>(11, "MGET"));
  for (const auto& [request, error] : {std::pair{large, "-ERR Protocol error: unauthenticated bulk length\r\n"},
                                       {many, "-ERR Protocol error: unauthenticated multibulk length\r\n"}}) {
    test::FakeSocket& guest = NewClient();
    guest.Receive(request);
    EXPECT_EQ(Replies(guest), std::vector<std::string>{error});
    EXPECT_TRUE(guest.closed());
  }
  // After the login the listener's own bounds hold, and after its end the narrow ones again.
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(AskOne(client, {"AUTH", "secret"}), "+OK\r\n");
  client.Receive(large);
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), large);
  Node(0).Receive("+OK\r\n");
  EXPECT_EQ(Replies(client), std::vector<std::string>{"+OK\r\n"});
  client.Receive(Encode({"RESET"}) + many);
  EXPECT_THAT(Replies(client)[1], HasSubstr("unauthenticated multibulk length"));
  EXPECT_TRUE(client.closed());
}

TEST_F(RedisFrontTest, ReadsNoFurtherFromAGuestWhoDoesNotRead) {
  conf::Config config = TwoNodes();
  config.listeners[0].password = "secret";
  Start(std::move(config));
  test::FakeSocket& guest = NewClient();
  guest.room = 0;
  std::string pipeline;
  for (int i = 0; i < 2'000; ++i) pipeline += Encode({"PING"});
  for (int i = 0; i < 50; ++i) {
    guest.Receive(pipeline);
    Settle();
  }
  EXPECT_LT(stats_->listeners[0].replies.value(), 1'000U);
  EXPECT_FALSE(guest.closed());
}

TEST_F(RedisFrontTest, APasswordThatAReloadTakesAwayIsAskedForNoMore) {
  conf::Config config = TwoNodes();
  config.listeners[0].password = "secret";
  Start(config);
  test::FakeSocket& client = NewClient();
  EXPECT_THAT(AskOne(client, {"PING"}), StartsWith("-NOAUTH "));
  config.listeners[0].password.clear();
  worker_->Adopt(NewSnapshot(config));
  Settle();
  EXPECT_EQ(AskOne(client, {"PING"}), "+PONG\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
