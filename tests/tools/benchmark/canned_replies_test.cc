// tests/tools/benchmark/canned_replies_test.cc – The canned nodes must be right before what stands in front can be
// judged.
#include "tools/benchmark/canned_replies.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "tools/benchmark/socket.h"

namespace ringproxy::bench {
namespace {

std::string Request(const std::vector<std::string>& arguments) {
  std::string text = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) {
    text += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return text;
}

std::string Value(std::string key, size_t bytes) {
  key.resize(bytes, '.');
  return "$" + std::to_string(bytes) + "\r\n" + key + "\r\n";
}

// What reaches the other end of a socket. The replies of these tests fit its buffer.
std::string Written(CannedOutput& out) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) Die("socketpair");
  const Fd near(ends[0]);
  const Fd far(ends[1]);
  std::string text(1 << 20, '\0');
  EXPECT_TRUE(out.Flush(near.get()));
  EXPECT_TRUE(out.empty());
  const ssize_t got = recv(far.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

const std::string kRequests = Request({"PING"}) + Request({"get", "s64:0000000001"}) + Request({"SET", "k", "hello"}) +
                              Request({"MGET", "s5:0000000001", "s300:0000000002", "plain"}) +
                              Request({"DEL", "a", "b"}) + Request({"SET", "k", std::string(300, 'v')}) +
                              Request({"MULTI"}) + Request({"GET", "s5:0000000004"}) + Request({"SET", "k", "v"}) +
                              Request({"EXEC"}) + Request({"COMMAND"}) + Request({"GET", "s40000:0000000003"});
const std::string kReplies = "+PONG\r\n" + Value("s64:0000000001", 64) + "+OK\r\n*3\r\n" + Value("s5:0000000001", 5) +
                             Value("s300:0000000002", 300) + Value("plain", 64) +
                             ":2\r\n+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n" + Value("s5:0000000004", 5) +
                             "+OK\r\n*0\r\n" + Value("s40000:0000000003", 40000);

TEST(CannedReplies, AreTheSameAtEverySplit) {
  for (size_t split = 0; split <= kRequests.size(); ++split) {
    CannedReplies replies;
    CannedOutput out;
    ASSERT_TRUE(replies.Feed(std::string_view(kRequests).substr(0, split), out));
    ASSERT_TRUE(replies.Feed(std::string_view(kRequests).substr(split), out));
    ASSERT_EQ(Written(out), kReplies) << "split at " << split;
  }
}

TEST(CannedReplies, SpeakMemcachedToWhomeverDoesAtEverySplit) {
  const std::string requests =
      "mn\r\nversion\r\nget s40:0000000001\r\nset k 0 0 5\r\nhello\r\nget s14:0000000002 plain\r\nset k 0 0 "
      "2\r\n\r\n\r\nmn\r\n";
  std::string plain = "plain";
  plain.resize(64, '.');
  const std::string replies =
      "MN\r\nVERSION 1.6.0\r\nVALUE s40:0000000001 0 40\r\ns40:0000000001" + std::string(26, '.') +
      "\r\nEND\r\nSTORED\r\nVALUE s14:0000000002 0 14\r\ns14:0000000002\r\nVALUE plain 0 64\r\n" + plain +
      "\r\nEND\r\nSTORED\r\nMN\r\n";
  for (size_t split = 0; split <= requests.size(); ++split) {
    CannedReplies canned;
    CannedOutput out;
    ASSERT_TRUE(canned.Feed(std::string_view(requests).substr(0, split), out));
    ASSERT_TRUE(canned.Feed(std::string_view(requests).substr(split), out));
    ASSERT_EQ(Written(out), replies) << "split at " << split;
  }
}

TEST(CannedReplies, AnswerALargeValueOnlyWhenItsLastByteHasCome) {
  const std::string request = Request({"SET", "k", std::string(1000, 'v')});
  CannedReplies replies;
  CannedOutput out;
  ASSERT_TRUE(replies.Feed(std::string_view(request).substr(0, 100), out));
  EXPECT_EQ(replies.bytes_to_skip(), request.size() - 100);
  EXPECT_TRUE(out.empty());
  replies.Skipped(request.size() - 100, out);
  EXPECT_EQ(Written(out), "+OK\r\n");
}

TEST(CannedReplies, RefuseWhatIsNoRequest) {
  for (const char* bytes : {"GET k\r\n", "set k 0 0 x\r\n", "*0\r\n", "*-1\r\n", "*a\r\n", "*1\r\n$-1\r\n",
                            "*1\r\n+x\r\n", "*9999999999999999999999999\r\n"}) {
    CannedReplies replies;
    CannedOutput out;
    EXPECT_FALSE(replies.Feed(bytes, out)) << bytes;
  }
}

}  // namespace
}  // namespace ringproxy::bench
