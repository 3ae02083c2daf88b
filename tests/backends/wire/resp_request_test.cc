#include "backends/wire/resp_request.h"

#include <gtest/gtest.h>

#include "backends/wire/resp_encode.h"
#include "tests/backends/wire/feed.h"
#include "tests/support/counting_allocator.h"

namespace ringproxy::wire {
namespace {

using namespace std::literals;
using test::Frame;
using RespStatus = RequestParser::RespStatus;

std::vector<Frame> FeedRequests(std::string_view stream, const Limits& limits = {}) {
  return test::Feed(test::RequestCodec(limits), stream, {});
}

std::vector<std::string> ArgumentsOf(std::string_view stream) {
  const std::vector<Frame> frames = FeedRequests(stream);
  return frames.size() == 1 ? frames[0].parts : std::vector<std::string>{"not one frame"};
}

std::string ErrorOf(std::string_view stream, const Limits& limits = {}) {
  const std::vector<Frame> frames = FeedRequests(stream, limits);
  return !frames.empty() && frames.back().kind == "bad" ? frames.back().text : "no error";
}

TEST(RequestParser, GivesArgumentsAsTheyAreEncoded) {
  const std::string key(1000, 'k');
  const std::string bulk = "$1000\r\n" + key + "\r\n";
  for (const std::string& bytes :
       {"*4\r\n$4\r\nMSET\r\n" + bulk + "$0\r\n\r\n$2\r\n$1\r\n", "MSET " + key + " '' $1\r\n"}) {
    RequestParser parser({});
    ASSERT_EQ(parser.Parse(bytes), RequestParser::RespStatus::kRequest);
    const Request& request = parser.request();
    EXPECT_EQ(request.bulks(0, 1), "$4\r\nMSET\r\n");
    EXPECT_EQ(request.bulks(1, 1), bulk);
    EXPECT_EQ(request.bulks(2, 2), "$0\r\n\r\n$2\r\n$1\r\n");
    EXPECT_EQ(request.bulks(1, 3), bulk + "$0\r\n\r\n$2\r\n$1\r\n");
  }
}

TEST(RequestParser, FramesAPipelineOfMultibulkRequestsWithoutCopyingThem) {
  const std::string_view stream = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n";
  RequestParser parser{Limits{}};
  ASSERT_EQ(parser.Parse(stream), RespStatus::kRequest);
  EXPECT_EQ(parser.size(), 20U);
  EXPECT_EQ(parser.request().encoded().data(), stream.data());
  EXPECT_EQ(parser.request().name(), "GET");
  const std::string_view rest = stream.substr(parser.size());
  ASSERT_EQ(parser.Parse(rest), RespStatus::kRequest);
  ASSERT_EQ(parser.request().size(), 3U);
  EXPECT_EQ(parser.request()[2], "a\r\nb");
  EXPECT_EQ(parser.request()[2].data(), rest.data() + rest.size() - 6);
}

TEST(RequestParser, KeepsEmptyAndBinaryArguments) {
  EXPECT_EQ(ArgumentsOf("*2\r\n$0\r\n\r\n$4\r\n\0\r\n\xff\r\n"sv), (std::vector<std::string>{"", "\0\r\n\xff"s}));
}

// The line after each input was read off a redis-server 7.0.15.
TEST(RequestParser, RefusesWhatRedisRefusesWithTheSameWords) {
  struct Case {
    std::string_view stream;
    std::string_view error;
  };
  constexpr std::string_view kMultibulk = "Protocol error: invalid multibulk length";
  constexpr std::string_view kBulk = "Protocol error: invalid bulk length";
  constexpr std::string_view kQuotes = "Protocol error: unbalanced quotes in request";
  const Case cases[] = {
      {"*01\r\n", kMultibulk},
      {"*+1\r\n", kMultibulk},
      {"*-0\r\n", kMultibulk},
      {"*\r\n", kMultibulk},
      {"*1x\r\n", kMultibulk},
      {"* 1\r\n", kMultibulk},
      {"*-99999999999999999999\r\n", kMultibulk},
      {"*2147483648\r\n", kMultibulk},
      {"*9223372036854775808\r\n", kMultibulk},
      {"*1\n$4\r\nPING\r\n", kMultibulk},
      {"*1\r\n$04\r\n", kBulk},
      {"*1\r\n$-1\r\n", kBulk},
      {"*1\r\n$-0\r\n", kBulk},
      {"*1\r\n$\r\n", kBulk},
      {"*1\r\n$4\nPING\r\n", kBulk},
      {"*1\r\n$536870913\r\n", kBulk},
      {"*1\r\n$18446744073709551615\r\n", kBulk},
      {"*1\r\n:4\r\nPING\r\n", "Protocol error: expected '$', got ':'"},
      {"*1\r\n\r\n", "Protocol error: expected '$', got ' '"},
      {"*1\r\n\n\r\n", "Protocol error: expected '$', got ' '"},
      {"*1\r\n*1\r\n$4\r\nPING\r\n", "Protocol error: expected '$', got '*'"},
      {"PING \"a\"b\r\n", kQuotes},
      {"PING \"a\r\n", kQuotes},
      {"PING 'a\r\n", kQuotes},
      {"PING 'a'b\r\n", kQuotes},
      {"PING a\"b\r\n", kQuotes},
      {"PING \"a\\\r\n", kQuotes},
      {"PING a\"b c\"d\r\n", kQuotes},
  };
  for (const Case& c : cases) EXPECT_EQ(ErrorOf(c.stream), c.error) << c.stream;
}

TEST(RequestParser, SkipsWhatAsksForNothing) {
  for (const std::string_view stream :
       {"*0\r\n"sv, "*-1\r\n"sv, "*-2147483649\r\n"sv, "\r\n"sv, "\n"sv, " \t \r\n"sv, "\v\f\n"sv}) {
    const std::vector<Frame> frames = FeedRequests(std::string(stream) + "PING\r\n");
    ASSERT_EQ(frames.size(), 2U) << stream;
    EXPECT_EQ(frames[0], (Frame{"nothing", "", {}, stream.size()}));
    EXPECT_EQ(frames[1].parts, std::vector<std::string>{"PING"});
  }
}

// Redis looks at no byte behind a '\r' and at none behind a bulk; nodes get the request as it should have been.
TEST(RequestParser, ForwardsOddlyEndedLinesInCanonicalForm) {
  const std::vector<Frame> frames = FeedRequests("*2\rx$3\r\rGETxy$1\r\nk\n\nPING\n");
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].text, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  EXPECT_EQ(frames[0].parts, (std::vector<std::string>{"GET", "k"}));
  EXPECT_EQ(frames[1].text, "*1\r\n$4\r\nPING\r\n");
}

TEST(RequestParser, ForwardsInlineRequestsInCanonicalForm) {
  const std::vector<Frame> frames = FeedRequests("SET key0123456 \"\"\n");
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].text, "*3\r\n$3\r\nSET\r\n$10\r\nkey0123456\r\n$0\r\n\r\n");
}

// Redis would wait for the rest of a line that never ends.
TEST(RequestParser, RefusesOtherProtocolsAtTheFirstNul) {
  const std::string_view tls_hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv;
  const std::string_view memcached_binary = "\x80\x00\x00\x03\x00\x00\x00\x00"sv;
  EXPECT_EQ(ErrorOf(tls_hello), "Protocol error: unexpected NUL byte in inline request");
  EXPECT_EQ(ErrorOf(memcached_binary), "Protocol error: unexpected NUL byte in inline request");
}

TEST(RequestParser, BoundsLinesThatDoNotEnd) {
  const std::string at_bound(64 << 10, '1');
  for (const char* start : {"", "*", "*1\r\n", "*1\r\n$"}) {
    const size_t line = std::string_view(start).ends_with('\n') ? 0 : std::string_view(start).size() % 4;
    EXPECT_EQ(ErrorOf(start + at_bound.substr(line)), "no error");
  }
  EXPECT_EQ(ErrorOf(at_bound + "1"), "Protocol error: too big inline request");
  EXPECT_EQ(ErrorOf("*" + at_bound), "Protocol error: too big mbulk count string");
  EXPECT_EQ(ErrorOf("*1\r\n$" + at_bound), "Protocol error: too big bulk count string");
  EXPECT_EQ(ErrorOf("*1\r\nx" + at_bound), "Protocol error: too big bulk count string");
}

// semantics.md 30: what is over a limit is refused and the stream given up, never resynchronised.
// The words were read off a redis-server 7.0.15 with a password.
TEST(RequestParser, HoldsTheNarrowLimitsBeforeALogin) {
  const Limits limits = BeforeLogin({});
  EXPECT_EQ(ErrorOf("*11\r\n", limits), "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(ErrorOf("*2\r\n$3\r\nGET\r\n$16385\r\n", limits), "Protocol error: unauthenticated bulk length");
  EXPECT_EQ(ErrorOf("*x\r\n", limits), "Protocol error: invalid multibulk length");
  EXPECT_EQ(ErrorOf("*1\r\n$-5\r\n", limits), "Protocol error: invalid bulk length");
  std::string most = "*10\r\n";
  for (int i = 0; i < 10; ++i) AppendBulk(std::string(16384, 'x'), &most);
  EXPECT_EQ(ErrorOf(most, limits), "no error");
  EXPECT_EQ(BeforeLogin({.bulk_bytes = 5, .arguments = 3, .inline_bytes = 70}).bulk_bytes, 5U);
}

TEST(RequestParser, HoldsItsLimits) {
  const Limits limits{.request_bytes = 100, .bulk_bytes = 50, .key_bytes = 9, .arguments = 4, .inline_bytes = 90};
  const std::string fifty(50, 'x');
  EXPECT_EQ(ErrorOf("*1\r\n$50\r\n" + fifty + "\r\n", limits), "no error");
  EXPECT_EQ(ErrorOf("*1\r\n$51\r\n", limits), "Protocol error: invalid bulk length");
  EXPECT_EQ(ErrorOf("*4\r\n", limits), "no error");
  EXPECT_EQ(ErrorOf("*5\r\n", limits), "Protocol error: invalid multibulk length");
  // The second bulk would end at byte 101.
  const std::string first = "*2\r\n$50\r\n" + fifty + "\r\n";
  EXPECT_EQ(ErrorOf(first + "$32\r\n", limits), "no error");
  EXPECT_EQ(ErrorOf(first + "$33\r\n", limits), "Protocol error: invalid bulk length");
  EXPECT_EQ(ErrorOf("a " + fifty + "\n", limits), "no error");
  EXPECT_EQ(ErrorOf("a " + fifty + "x\n", limits), "Protocol error: invalid bulk length");
  EXPECT_EQ(ErrorOf("a b c d e\n", limits), "Protocol error: invalid multibulk length");
  EXPECT_EQ(ErrorOf("a " + fifty + " " + fifty.substr(20) + "\n", limits), "Protocol error: invalid bulk length");
}

TEST(RequestParser, TellsHowManyBytesALargeBulkNeeds) {
  RequestParser parser{Limits{}};
  EXPECT_EQ(parser.Parse("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\nxxx"), RespStatus::kNeedMore);
  EXPECT_EQ(parser.bytes_needed(), 20U + 10U + 1048576U + 2U);
}

TEST(RequestParser, StartsAnewAfterEveryVerdictAndAfterReset) {
  RequestParser parser{Limits{}};
  EXPECT_EQ(parser.Parse("*x\r\n"), RespStatus::kBad);
  EXPECT_EQ(parser.Parse("PING\r\n"), RespStatus::kRequest);
  EXPECT_EQ(parser.Parse("*2\r\n$3\r\nGET\r\n"), RespStatus::kNeedMore);
  parser.Reset();
  EXPECT_EQ(parser.Parse("*1\r\n$4\r\nPING\r\n"), RespStatus::kRequest);
  EXPECT_EQ(parser.request().size(), 1U);
}

TEST(RequestParser, DoesNotAllocateOnceWarm) {
  const std::string_view requests[] = {"*2\r\n$3\r\nGET\r\n$6\r\nkey:42\r\n",
                                       "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", "SET key:42 value\r\n",
                                       "*2\rx$3\r\nGET\r\n$6\r\nkey:42\r\n"};
  RequestParser parser{Limits{}};
  const auto parse_all = [&] {
    for (const std::string_view request : requests) {
      ASSERT_EQ(parser.Parse(request.substr(0, 9)), RespStatus::kNeedMore);
      ASSERT_EQ(parser.Parse(request), RespStatus::kRequest);
      parser.Reset();
    }
  };
  parse_all();
  const test::AllocationCounter counter;
  for (int i = 0; i < 1000; ++i) parse_all();
  EXPECT_EQ(counter.count(), 0U);
}

TEST(RequestParser, ReservesNothingOnTheWordOfAClient) {
  RequestParser parser{Limits{}};
  const test::AllocationCounter counter;
  EXPECT_EQ(parser.Parse("*1048576\r\n$1\r\na\r\n$536870912\r\n"), RespStatus::kNeedMore);
  EXPECT_LE(counter.count(), 1U);  // The spans of the few bytes that came.
}

}  // namespace
}  // namespace ringproxy::wire
