#include "backends/wire/error_text.h"

#include <gtest/gtest.h>

#include "backends/wire/resp_reply.h"
#include "backends/wire/resp_request.h"
#include "tests/support/golden.h"

namespace ringproxy::wire {
namespace {

using namespace std::literals;

std::string UnknownCommand(std::string_view inline_request) {
  RequestParser parser{Limits{}};
  EXPECT_EQ(parser.Parse(inline_request), RequestParser::RespStatus::kRequest);
  std::string out;
  AppendUnknownCommand(parser.request(), &out);
  return out;
}

std::string Text(const Failure& failure) {
  std::string out;
  AppendRedisError(failure, &out);
  return out;
}

TEST(ErrorText, IsTheGoldenOne) {
  std::string all;
  for (size_t i = 0; i < kErrorCodes; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const Failure failure{code,     "sessions", "r1", 400ms, "writes-per-client",
                          36'001us, "a",        "b",  "r2",  "NOPROTO unsupported protocol version",
                          8};
    all.append(ErrorName(code)).append(": ").append(Text(failure));
  }
  all += "unknown command: " + UnknownCommand("FOO bar 'a b'\n");
  all += "unknown subcommand: ";
  RequestParser parser{Limits{}};
  ASSERT_EQ(parser.Parse("config foo\n"), RequestParser::RespStatus::kRequest);
  AppendUnknownSubcommand(parser.request(), &all);
  all += "wrong arity: ";
  AppendWrongArity("config|get", &all);
  all += "not supported: ";
  AppendNotSupported("multi", "transactions need a connection of their own", &all);
  all += "unknown at a node: ";
  EXPECT_TRUE(AppendUnknownAtNode("-ERR unknown command 'LCS', with args beginning with: 'a' 'b' \r\n",
                                  {.pool = "sessions", .node = "r1"}, "Redis 6.2.14", &all));
  all += "protocol: ";
  AppendProtocolError("Protocol error: expected '$', got ':'", &all);
  std::erase(all, '\r');
  test::ExpectGolden("tests/golden/error_texts.txt", all);
}

TEST(ErrorText, WritesTimeoutsAsTheConfigurationDoes) {
  const auto timeout = [](std::chrono::microseconds value) { return Text({ErrorCode::kTimeout, "p", "n", value}); };
  EXPECT_EQ(timeout(400ms), "-TIMEOUT node n did not answer within 400ms\r\n");
  EXPECT_EQ(timeout(1s), "-TIMEOUT node n did not answer within 1s\r\n");
  EXPECT_EQ(timeout(1500us), "-TIMEOUT node n did not answer within 1500us\r\n");
  EXPECT_EQ(timeout(5min), "-TIMEOUT node n did not answer within 5m\r\n");
  EXPECT_EQ(timeout(90s), "-TIMEOUT node n did not answer within 90s\r\n");
  EXPECT_EQ(timeout(0us), "-TIMEOUT node n did not answer within 0ms\r\n");
}

TEST(ErrorText, SaysWhenNoWaitHelps) {
  const Failure failure{.code = ErrorCode::kRateLimited, .limit = "writes", .retry_after = -1us};
  EXPECT_EQ(Text(failure), "-RATELIMITED retry_after_ms=-1 limit=writes\r\n");
}

// semantics.md 14: clients recognise the words. All lines were read off a redis-server 7.0.15.
TEST(ErrorText, SaysUnknownCommandAsRedisDoes) {
  EXPECT_EQ(UnknownCommand("foo\n"), "-ERR unknown command 'foo', with args beginning with: \r\n");
  EXPECT_EQ(UnknownCommand("foo a\rb \"x y\\r\\nz\" c\n"),
            "-ERR unknown command 'foo', with args beginning with: 'a' 'b' 'x y  z' 'c' \r\n");
  EXPECT_EQ(UnknownCommand("\"fo\\x00o\" \"a\\x00b\" c\n"),
            "-ERR unknown command 'fo', with args beginning with: 'a' 'c' \r\n");
  EXPECT_EQ(UnknownCommand("foo " + std::string(300, 'y') + " z\n"),
            "-ERR unknown command 'foo', with args beginning with: '" + std::string(128, 'y') + "' \r\n");
  EXPECT_EQ(UnknownCommand(std::string(300, 'q') + " 1 2\n"),
            "-ERR unknown command '" + std::string(128, 'q') + "', with args beginning with: '1' '2' \r\n");
  std::string ten;
  for (int i = 0; i < 9; ++i) ten += "'abcdefghij' ";
  EXPECT_EQ(UnknownCommand("foo" + std::string(ten.size() - 9, ' ') +
                           "abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij "
                           "abcdefghij abcdefghij abcdefghij zzz\n"),
            "-ERR unknown command 'foo', with args beginning with: " + ten + "'abcdefghij' \r\n");
}

TEST(ErrorText, SaysUnknownSubcommandAsRedisDoes) {
  const auto text = [](std::string_view inline_request) {
    RequestParser parser{Limits{}};
    EXPECT_EQ(parser.Parse(inline_request), RequestParser::RespStatus::kRequest);
    std::string out;
    AppendUnknownSubcommand(parser.request(), &out);
    return out;
  };
  EXPECT_EQ(text("config foo bar\n"), "-ERR unknown subcommand 'foo'. Try CONFIG HELP.\r\n");
  EXPECT_EQ(text("Client \"a\\r\\nb\"\n"), "-ERR unknown subcommand 'a  b'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(text("config \"aa\\x00b\"\n"), "-ERR unknown subcommand 'aa'. Try CONFIG HELP.\r\n");
  EXPECT_EQ(text("config " + std::string(200, 'z') + "\n"),
            "-ERR unknown subcommand '" + std::string(128, 'z') + "'. Try CONFIG HELP.\r\n");
}

TEST(ErrorText, AddsTheNodeToNothingButUnknownCommands) {
  const Failure at{.pool = "p", .node = "n"};
  std::string out;
  EXPECT_TRUE(AppendUnknownAtNode("-ERR unknown subcommand 'SHOW'. Try SCRIPT HELP.\r\n", at, "", &out));
  EXPECT_EQ(out, "-ERR unknown subcommand 'SHOW'. Try SCRIPT HELP. (node n of pool p, whose release is not known)\r\n");
  out.clear();
  for (const std::string_view other : {"-ERR unknown\r\n", "-ERR unknown commando\r\n", "+OK\r\n", "-\r\n",
                                       "-ERR syntax error\r\n", "-NOSCRIPT unknown command\r\n"}) {
    EXPECT_FALSE(AppendUnknownAtNode(other, at, "Redis 7.0.0", &out)) << other;
  }
  EXPECT_EQ(out, "");
}

TEST(ErrorText, IsOneWholeReplyWhateverTheNames) {
  const std::string nasty = "a\r\n+OK\r\n";
  const std::string texts[] = {Text({ErrorCode::kNodeDown, nasty, nasty, {}}),
                               Text({.code = ErrorCode::kCrossSlot, .node = nasty, .key = nasty, .other_key = nasty}),
                               UnknownCommand("\"x\\r\\n+OK\" \"\\n\"\n")};
  for (const std::string& text : texts) {
    RespReplyFramer framer;
    ASSERT_EQ(framer.Frame(text), ReplyFramer::FrameStatus::kReply);
    EXPECT_EQ(framer.size(), text.size());
    EXPECT_TRUE(IsError(text));
  }
}

}  // namespace
}  // namespace ringproxy::wire
