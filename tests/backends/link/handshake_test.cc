#include "backends/link/handshake.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using Step = Handshake::HandshakeStep;

const conf::Auth kNoAuth{};
const conf::Auth kPassword{.username = "", .password_file = "f", .password = "p"};
const conf::Auth kUser{.username = "u", .password_file = "f", .password = "p"};

std::string Start(Handshake& handshake) {
  std::string out;
  handshake.Start(&out);
  return out;
}

Step Feed(Handshake& handshake, std::string_view reply, std::string_view expected_next = "") {
  std::string next;
  const Step step = handshake.OnReply(reply, &next);
  EXPECT_EQ(next, expected_next);
  return step;
}

TEST(RedisHandshake, PingsAndIsDoneAfterThePong) {
  const auto handshake = NewHandshake(conf::Protocol::kRedis, kNoAuth);
  for (int connection = 0; connection < 2; ++connection) {
    EXPECT_EQ(Start(*handshake), "*1\r\n$4\r\nPING\r\n");
    EXPECT_EQ(Feed(*handshake, "+PONG\r\n"), Step::kDone);
  }
}

TEST(RedisHandshake, AuthenticatesFirstWhenThereIsAPassword) {
  const auto handshake = NewHandshake(conf::Protocol::kRedis, kPassword);
  EXPECT_EQ(Start(*handshake), "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(Feed(*handshake, "+OK\r\n"), Step::kMore);
  EXPECT_EQ(Feed(*handshake, "+PONG\r\n"), Step::kDone);
}

TEST(RedisHandshake, IsDoneWithANodeThatRefusesWritesOrPingItself) {
  const auto handshake = NewHandshake(conf::Protocol::kRedis, kUser);
  for (const char* pong : {"-MISCONF x\r\n", "-NOPERM this user has no permissions to run the 'ping' command\r\n"}) {
    Start(*handshake);
    EXPECT_EQ(Feed(*handshake, "+OK\r\n"), Step::kMore);
    EXPECT_EQ(Feed(*handshake, pong), Step::kDone);
    // That is no answer to AUTH.
    Start(*handshake);
    EXPECT_EQ(Feed(*handshake, pong), Step::kRefused);
  }
}

// What is told of a node that answers a login in these words.
std::string TellsOf(conf::Protocol protocol, const std::string& password, const std::string& words) {
  const conf::Auth auth{.username = "app", .password_file = "f", .password = password};
  const auto handshake = NewHandshake(protocol, auth);
  Start(*handshake);
  EXPECT_EQ(Feed(*handshake, (protocol == conf::Protocol::kRedis ? "-" : "") + words + "\r\n"), Step::kRefused);
  return handshake->refusal();
}

TEST(RedisHandshake, TellsNothingThatANodeRepeatsOfTheLogin) {
  const auto redis = conf::Protocol::kRedis;
  EXPECT_EQ(TellsOf(redis, "hunter2!", "ERR unknown command `AUTH`, with args beginning with: `app`, `hunter2!`, "),
            "ERR unknown command `AUTH`");
  EXPECT_EQ(TellsOf(redis, "ab", "ERR unknown command 'AUTH', with args beginning with: 'app' 'ab' "),
            "ERR unknown command 'AUTH'");
  EXPECT_EQ(TellsOf(redis, "hunter2!", "ERR what is app:hunter2! to me"),
            "ERR what is app:... (the rest repeats the login)");
  // A server may cut what it repeats.
  const std::string password(200, 's');
  EXPECT_EQ(TellsOf(redis, password, "ERR no " + std::string(128, 's')), "ERR no ... (the rest repeats the login)");
  // So may the log.
  for (size_t before = Handshake::kMostWords - 40; before < Handshake::kMostWords + 40; ++before) {
    EXPECT_EQ(TellsOf(redis, "hunter2!", std::string(before, 'x') + "hunter2!").find("hunter"), std::string::npos);
  }
}

TEST(RedisHandshake, TellsUsualWordsThoughTheyHoldThePassword) {
  const std::string words = "WRONGPASS invalid username-password pair or user is disabled.";
  EXPECT_EQ(TellsOf(conf::Protocol::kRedis, "password", words), words);
  EXPECT_EQ(TellsOf(conf::Protocol::kRedis, "a", "LOADING Redis is loading"), "LOADING Redis is loading");
}

TEST(MemcacheHandshake, TellsNothingThatANodeRepeatsOfTheLogin) {
  const auto memcached = conf::Protocol::kMemcached;
  EXPECT_EQ(TellsOf(memcached, "hunter2!", "CLIENT_ERROR app hunter2!"),
            "CLIENT_ERROR app ... (the rest repeats the login)");
  EXPECT_EQ(TellsOf(memcached, "auth", "CLIENT_ERROR authentication failure"), "CLIENT_ERROR authentication failure");
}

TEST(RedisHandshake, TellsTheWordsOfARefusal) {
  const auto handshake = NewHandshake(conf::Protocol::kRedis, kNoAuth);
  Start(*handshake);
  EXPECT_EQ(Feed(*handshake, "-LOADING Redis is loading\r\n"), Step::kRefused);
  EXPECT_EQ(handshake->refusal(), "LOADING Redis is loading");
  EXPECT_EQ(Feed(*handshake, "$2\r\nhi\r\n"), Step::kRefused);
  EXPECT_EQ(handshake->refusal(), "unexpected reply");
  EXPECT_EQ(Feed(*handshake, "-" + std::string(60'000, 'x') + "\r\n"), Step::kRefused);
  EXPECT_EQ(handshake->refusal(), std::string(512, 'x'));
}

TEST(MemcacheHandshake, AsksMnAndFallsBackToVersion) {
  const auto handshake = NewHandshake(conf::Protocol::kMemcached, kNoAuth);
  EXPECT_EQ(Start(*handshake), "mn\r\n");
  EXPECT_EQ(Feed(*handshake, "MN\r\n"), Step::kDone);
  EXPECT_EQ(Start(*handshake), "mn\r\n");
  EXPECT_EQ(Feed(*handshake, "ERROR\r\n", "version\r\n"), Step::kMore);
  EXPECT_EQ(Feed(*handshake, "VERSION 1.4.0\r\n"), Step::kDone);
}

TEST(MemcacheHandshake, IsDoneWithAServerThatKnowsNeitherQuestion) {
  const auto handshake = NewHandshake(conf::Protocol::kMemcached, kNoAuth);
  Start(*handshake);
  EXPECT_EQ(Feed(*handshake, "ERROR\r\n", "version\r\n"), Step::kMore);
  EXPECT_EQ(Feed(*handshake, "ERROR\r\n"), Step::kDone);
  Start(*handshake);
  EXPECT_EQ(Feed(*handshake, "ERROR\r\n", "version\r\n"), Step::kMore);
  EXPECT_EQ(Feed(*handshake, "SERVER_ERROR x\r\n"), Step::kRefused);
}

TEST(MemcacheHandshake, LogsInByTheAsciiAuthentication) {
  const auto handshake = NewHandshake(conf::Protocol::kMemcached, kUser);
  EXPECT_EQ(Start(*handshake), "set auth 0 0 3\r\nu p\r\n");
  EXPECT_EQ(Feed(*handshake, "STORED\r\n", "mn\r\n"), Step::kMore);
  EXPECT_EQ(Feed(*handshake, "MN\r\n"), Step::kDone);
}

TEST(MemcacheHandshake, TellsTheWordsOfARefusal) {
  const auto handshake = NewHandshake(conf::Protocol::kMemcached, kUser);
  Start(*handshake);
  EXPECT_EQ(Feed(*handshake, "CLIENT_ERROR authentication failure\r\n"), Step::kRefused);
  EXPECT_EQ(handshake->refusal(), "CLIENT_ERROR authentication failure");
  EXPECT_EQ(Feed(*handshake, "ERROR\r\n"), Step::kRefused);
}

}  // namespace
}  // namespace ringproxy::backends
