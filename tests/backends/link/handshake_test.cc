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
