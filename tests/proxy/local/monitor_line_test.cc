#include "proxy/local/monitor_line.h"

#include <gtest/gtest.h>

#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

std::string LineOf(const wire::Request& request) {
  std::string line;
  AppendMonitorLine(std::chrono::microseconds(1'339'518'083'000'412), 3, "127.0.0.1:60866",
                    *wire::FindRedisCommand(request), request, &line);
  return line;
}

// What stands behind time and client.
std::string WordsOf(const std::vector<std::string_view>& words) {
  const std::string line = LineOf(test::TestRequest(words));
  return line.substr(line.find(']') + 2, line.find("\r\n") - line.find(']') - 2);
}

TEST(MonitorLine, IsTheOneOfRedis) {
  EXPECT_EQ(LineOf(test::TestRequest{"keys", "*"}), "+1339518083.000412 [3 127.0.0.1:60866] \"keys\" \"*\"\r\n");
  EXPECT_EQ(WordsOf({"SET", std::string_view("a\"\\\n\r\t\a\b\0\xff", 9), ""}),
            "\"SET\" \"a\\\"\\\\\\n\\r\\t\\a\\b\\x00\" \"\"");
  EXPECT_EQ(WordsOf({"GET", "\xff"}), "\"GET\" \"\\xff\"");
}

TEST(MonitorLine, HasNoPasswordInIt) {
  EXPECT_EQ(WordsOf({"AUTH", "pw"}), "\"AUTH\" \"(redacted)\"");
  EXPECT_EQ(WordsOf({"auth", "me", "pw"}), "\"auth\" \"(redacted)\" \"(redacted)\"");
  EXPECT_EQ(WordsOf({"HELLO", "3", "Auth", "me", "pw", "SETNAME", "n"}),
            "\"HELLO\" \"3\" \"Auth\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"n\"");
  EXPECT_EQ(WordsOf({"MIGRATE", "h", "1", "k", "0", "9", "AUTH", "pw"}),
            "\"MIGRATE\" \"h\" \"1\" \"k\" \"0\" \"9\" \"AUTH\" \"(redacted)\"");
  EXPECT_EQ(WordsOf({"MIGRATE", "h", "1", "k", "0", "9", "auth2", "me", "auth2", "COPY"}),
            "\"MIGRATE\" \"h\" \"1\" \"k\" \"0\" \"9\" \"auth2\" \"(redacted)\" \"(redacted)\" \"(redacted)\"")
      << "rather too much than a password";
}

TEST(MonitorLine, IsNotWrittenOfWhatConcernsHowServersRun) {
  for (const std::string_view name : {"config|set", "acl|setuser", "monitor", "client|list", "replicaof", "debug"})
    EXPECT_FALSE(IsShownToMonitors(*wire::FindRedisCommand(name))) << name;
  for (const std::string_view name : {"get", "auth", "hello", "eval", "publish", "multi", "client|setname", "migrate"})
    EXPECT_TRUE(IsShownToMonitors(*wire::FindRedisCommand(name))) << name;
}

TEST(MonitorLine, HasABound) {
  EXPECT_EQ(WordsOf({"GET", std::string(128, 'x')}), "\"GET\" \"" + std::string(128, 'x') + "\"");
  EXPECT_EQ(WordsOf({"GET", std::string(1000, 'x')}), "\"GET\" \"" + std::string(128, 'x') + "... (872 more bytes)\"");
  std::vector<std::string_view> many(1000, "k");
  many[0] = "DEL";
  std::string expected = "\"DEL\"";
  for (int i = 1; i < 31; ++i) expected += " \"k\"";
  EXPECT_EQ(WordsOf(many), expected + " \"... (969 more arguments)\"");
}

}  // namespace
}  // namespace ringproxy::proxy
