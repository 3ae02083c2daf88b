#include "backends/wire/memcache_request.h"

#include <gtest/gtest.h>

#include "tests/backends/wire/feed.h"
#include "tests/support/counting_allocator.h"

namespace ringproxy::wire {
namespace {

using namespace std::literals;
using MemcacheStatus = MemcacheParser::MemcacheStatus;

const std::string kLongKey(251, 'k');

// One whole request, parsed.
class Parsed {
 public:
  explicit Parsed(std::string bytes, const Limits& limits = {}) : bytes_(std::move(bytes)), parser_(limits) {
    status_ = parser_.Parse(bytes_, &progress_);
  }
  MemcacheStatus status() const { return status_; }
  const MemcacheParser& operator*() const { return parser_; }
  const MemcacheParser* operator->() const { return &parser_; }
  std::vector<std::string> words() const {
    std::vector<std::string> words;
    for (size_t i = 0; i < parser_.request().size(); ++i) words.emplace_back(parser_.request()[i]);
    return words;
  }
  std::string_view unwanted() const {
    return std::string_view(bytes_).substr(parser_.unwanted().offset, parser_.unwanted().size);
  }
  const MemcacheParser::Progress& progress() const { return progress_; }

 private:
  std::string bytes_;
  MemcacheParser parser_;
  MemcacheParser::Progress progress_;
  MemcacheStatus status_;
};

TEST(MemcacheParser, FramesEachKindOfCommand) {
  struct Case {
    std::string bytes;
    std::vector<std::string> words;
    std::string key;
  };
  const Case cases[] = {
      {"get a\r\n", {"get", "a"}, ""},
      {"get a b a\r\n", {"get", "a", "b", "a"}, ""},
      {"gat 60 a b\r\n", {"gat", "60", "a", "b"}, ""},
      {"gat -1 a\r\n", {"gat", "-1", "a"}, ""},
      {"set k 0 0 5\r\nhello\r\n", {"set", "k", "0", "0", "5"}, "k"},
      {"set k 4294967295 -1 0\r\n\r\n", {"set", "k", "4294967295", "-1", "0"}, "k"},
      {"set k 0 0 4\r\n\r\n\r\n\r\n", {"set", "k", "0", "0", "4"}, "k"},
      {"set k 0 0 1 ignored\r\n1\r\n", {"set", "k", "0", "0", "1", "ignored"}, "k"},
      {"cas k 0 0 1 18446744073709551615\r\n1\r\n", {"cas", "k", "0", "0", "1", "18446744073709551615"}, "k"},
      {"delete k 0\n", {"delete", "k", "0"}, "k"},
      {"incr k 5\r\n", {"incr", "k", "5"}, "k"},
      {"touch k x\r\n", {"touch", "k", "x"}, "k"},
      {"  get   a  \r\n", {"get", "a"}, ""},
      {"flush_all 10\r\n", {"flush_all", "10"}, ""},
      {"stats items\r\n", {"stats", "items"}, ""},
      {"mg k v O12\r\n", {"mg", "k", "v", "O12"}, "k"},
      {"ms k 2 T30\r\nhi\r\n", {"ms", "k", "2", "T30"}, "k"},
      {"mn\r\n", {"mn"}, ""},
      {"mg YmFy b v\r\n", {"mg", "YmFy", "b", "v"}, "bar"},
      {"mg YQpi b v\r\n", {"mg", "YQpi", "b", "v"}, "a\nb"},
      {"set k +1 +2 +1\r\n1\r\n", {"set", "k", "+1", "+2", "+1"}, "k"},
  };
  for (const Case& c : cases) {
    const Parsed parsed(c.bytes);
    ASSERT_EQ(parsed.status(), MemcacheStatus::kRequest) << c.bytes << parsed->reply();
    EXPECT_EQ(parsed.words(), c.words);
    EXPECT_EQ(parsed->routing_key(), c.key) << c.bytes;
    EXPECT_EQ(parsed->size(), c.bytes.size());
    EXPECT_EQ(parsed->unwanted().size, 0U);
    EXPECT_EQ(parsed->request().encoded(), c.bytes.substr(c.bytes.find_first_not_of(' ')));
  }
}

TEST(MemcacheParser, TakesNoreplyAndQuietOutOfTheRequest) {
  struct Case {
    std::string bytes;
    std::string unwanted;
    Quiet quiet;
  };
  const Case cases[] = {
      {"set k 0 0 1 noreply\r\n1\r\n", "noreply", Quiet::kAll},  // See semantics.md 8.
      {"  delete k noreply\r\n", "noreply", Quiet::kAll},
      {"flush_all noreply\r\n", "noreply", Quiet::kAll},
      {"verbosity 1 noreply\r\n", "noreply", Quiet::kAll},
      {"get noreply\r\n", "", Quiet::kNone},
      {"mg k v q\r\n", "q", Quiet::kMiss},  // See semantics.md 27.
      {"mg k qx v\r\n", "qx", Quiet::kMiss},
      {"ms k 1 q O1\r\n1\r\n", "q", Quiet::kDone},
      {"md k q\r\n", "q", Quiet::kDone},
      {"ma k q v\r\n", "q", Quiet::kDoneAndValues},
      {"me k q\r\n", "q", Quiet::kNone},
  };
  for (const Case& c : cases) {
    const Parsed parsed(c.bytes);
    ASSERT_EQ(parsed.status(), MemcacheStatus::kRequest) << c.bytes;
    EXPECT_EQ(parsed.unwanted(), c.unwanted) << c.bytes;
    EXPECT_EQ(parsed->quiet(), c.quiet) << c.bytes;
  }
}

TEST(MemcacheParser, KnowsWhereCasTokensStand) {
  const std::pair<std::string, CasPlace> cases[] = {
      {"gets a\r\n", CasPlace::kValues},
      {"gats 0 a\r\n", CasPlace::kValues},
      {"get a\r\n", CasPlace::kNone},
      {"cas k 0 0 1 7\r\n1\r\n", CasPlace::kArgument},
      {"set k 0 0 1\r\n1\r\n", CasPlace::kNone},
      {"mg k v\r\n", CasPlace::kNone},
      {"mg k c v\r\n", CasPlace::kFlags},
      {"ms k 1 C7\r\n1\r\n", CasPlace::kFlags},
      {"ms k 1 E7\r\n1\r\n", CasPlace::kFlags},
      {"md k C7\r\n", CasPlace::kFlags},
  };
  for (const auto& [bytes, place] : cases) EXPECT_EQ(Parsed(bytes)->cas(), place) << bytes;
}

// The replies are memcached 1.6.18's. What is swallowed is ours: the server reads refused data as commands.
TEST(MemcacheParser, RefusesWithTheServersWordsAndSwallowsTheData) {
  constexpr std::string_view kFormat = "CLIENT_ERROR bad command line format\r\n";
  constexpr std::string_view kError = "ERROR\r\n";
  struct Case {
    std::string bytes;
    std::string_view reply;
    uint64_t swallow = 0;
  };
  const Case cases[] = {
      {"\r\n", kError},
      {"   \r\n", kError},
      {"garbage\r\n", kError},
      {"GET k\r\n", kError},
      {"get\r\n", kError},
      {"gat 0\r\n", kError},
      {"get k\0x\r\n"s, kError},
      {"delete\r\n", kError},
      {"delete k 1 2 3\r\n", kError},
      {"incr k\r\n", kError},
      {"set k 0 0\r\n", kError},
      {"set k 0 0 1 noreply x\r\n", kError},  // semantics.md 8: malformed, so it is told
      {"mg\r\n", kError},
      {"stats nonsense\r\n", kError},
      {"me\r\n", kFormat},
      {"ms k\r\n", kFormat},
      {"get " + kLongKey + "\r\n", kFormat},  // See semantics.md 22.
      {"get a " + kLongKey + "\r\n", kFormat},
      {"delete " + kLongKey + "\r\n", kFormat},
      {"mg " + kLongKey + " v q\r\n", kFormat},
      {"set " + kLongKey + " 0 0 5\r\n", kFormat, 7},  // See semantics.md 22.
      {"ms " + kLongKey + " 5\r\n", kFormat, 7},
      {"set k 0 0 x\r\n", kFormat},
      {"set k 0 0 -1\r\n", kFormat},
      {"set k x 0 5\r\n", kFormat, 7},
      {"set k 4294967296 0 5\r\n", kFormat, 7},
      {"set k 0 2147483648 5\r\n", kFormat, 7},
      {"cas k 0 0 5 x\r\n", kFormat, 7},
      {"cas k 0 0 5 18446744073709551616\r\n", kFormat, 7},
      {"set k 0 0 1" + std::string(3000, ' ') + "\r\n", kFormat, 3},
      {"mg k O" + std::string(3000, '1') + "\r\n", kFormat},
      {"gat x k\r\n", "CLIENT_ERROR invalid exptime argument\r\n"},
      {"set k 0 0 3\r\nhello\r\n", "CLIENT_ERROR bad data chunk\r\n"},
      {"ms k 3 q\r\nhello\r\n", "CLIENT_ERROR bad data chunk\r\n"},
      {"mg k v q q\r\n", "CLIENT_ERROR duplicate flag\r\n"},
      {"mg YmF b v\r\n", "CLIENT_ERROR error decoding key\r\n"},
      {"ms !!!! 5 b\r\n", "CLIENT_ERROR error decoding key\r\n", 7},
      {"me YmF b\r\n", kFormat},
      {"md k q q\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
      {"ma YmF b\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"},
      // "a\nb": a node that returns it raw would forge a reply.
      {"mg YQpi b k v\r\n", "CLIENT_ERROR a key with line ends cannot be returned\r\n"},
      {"ms YQpi 5 k b\r\n", "CLIENT_ERROR a key with line ends cannot be returned\r\n", 7},
      {"me YQpi b\r\n", "CLIENT_ERROR a key with line ends cannot be returned\r\n"},
      {"ms k 5 a b c d e f g h i j k l m n o p t\r\n", "CLIENT_ERROR options flags too long\r\n", 7},
      {"set k 0 0 2147483646\r\n", "SERVER_ERROR object too large for cache\r\n", 2147483648},  // See semantics.md 30.
      {"set k 0 0 99999999999\r\n", "SERVER_ERROR object too large for cache\r\n", 100000000001},
  };
  for (const Case& c : cases) {
    const Parsed parsed(c.bytes);
    ASSERT_EQ(parsed.status(), MemcacheStatus::kRefused) << c.bytes;
    EXPECT_EQ(parsed->reply(), c.reply) << c.bytes;
    EXPECT_EQ(parsed->swallow(), c.swallow) << c.bytes;
  }
}

TEST(MemcacheParser, RefusesAdministrationWithTheReason) {
  const std::string kError = "ERROR\r\n";
  const auto kAdmin = [](std::string_view command) {
    return "CLIENT_ERROR " + std::string(command) +
           " is not supported by ringproxy: it concerns how the nodes run: ask the node itself, or set admin_commands: "
           "true of the listener\r\n";
  };
  const std::pair<std::string, std::string> cases[] = {
      {"cache_memlimit\r\n", kAdmin("cache_memlimit")},
      {"cache_memlimit 64\r\n", kAdmin("cache_memlimit")},
      {"slabs automove 1\r\n", kAdmin("slabs")},
      {"lru mode flat\r\n", kAdmin("lru")},
      {"lru_crawler crawl all\r\n", kAdmin("lru_crawler crawl")},
      {"stats detail on\r\n", kAdmin("stats detail on")},
      {"stats detail\r\n", "CLIENT_ERROR usage: stats detail on|off|dump\r\n"},
      {"stats detail x\r\n", "CLIENT_ERROR usage: stats detail on|off|dump\r\n"},
      {"stats unheard\r\n", kError},
      {"stats items|x\r\n", kError},
      {"lru_crawler\r\n", kError},
      {"lru_crawler unheard all\r\n", kError},
      {"lru_crawler metadump\r\n", kError},
      {"lru_crawler metadump all noreply\r\n", kError},
      {"watch fetchers\r\n",
       "CLIENT_ERROR watch is not supported by ringproxy: it makes a log of the connection, without end: watch the "
       "node itself\r\n"},
  };
  for (const auto& [bytes, reply] : cases) {
    const Parsed parsed(bytes);
    ASSERT_EQ(parsed.status(), MemcacheStatus::kRefused) << bytes;
    EXPECT_EQ(parsed->reply(), reply) << bytes;
  }
}

TEST(MemcacheParser, TakesAdministrationWhereTheListenerLetsItsClients) {
  for (const char* bytes : {"cache_memlimit 64\r\n", "lru tune 10 25 0.1 2.0\r\n", "slabs reassign 1 2\r\n",
                            "lru_crawler enable\r\n", "lru_crawler sleep 100\r\n", "stats detail off\r\n"}) {
    MemcacheParser parser(Limits{}, true);
    MemcacheParser::Progress progress;
    EXPECT_EQ(parser.Parse(bytes, &progress), MemcacheStatus::kRequest) << bytes;
  }
  // What nobody may do.
  MemcacheParser parser(Limits{}, true);
  for (const char* bytes :
       {"watch\r\n", "shutdown\r\n", "misbehave\r\n", "debugtime p\r\n", "stats sizes_enable\r\n"}) {
    MemcacheParser::Progress progress;
    ASSERT_EQ(parser.Parse(bytes, &progress), MemcacheStatus::kRefused) << bytes;
    EXPECT_TRUE(parser.reply().starts_with("CLIENT_ERROR ")) << parser.reply();
    EXPECT_EQ(parser.error(), ErrorCode::kNotSupported);
  }
}

TEST(MemcacheParser, RefusesSilentlyWhatWasAskedWithNoreply) {
  for (const char* bytes : {"set k 0 0 noreply\r\n", "set k x 0 5 noreply\r\n", "shutdown noreply\r\n",
                            "delete noreply\r\n", "set k 0 0 9999999999 noreply\r\n"}) {
    const Parsed parsed(bytes);
    ASSERT_EQ(parsed.status(), MemcacheStatus::kRefused) << bytes;
    EXPECT_EQ(parsed->reply(), "") << bytes;
  }
}

TEST(MemcacheParser, NeverGuessesWhereANewRequestStarts) {
  for (const std::string& bytes : {"set k 0 0 99999999999999999999\r\n"s, "set k 0 0 18446744073709551615\r\n"s,
                                   "ms k 18446744073709551614\r\n"s, std::string(100'000, 'x')}) {
    EXPECT_EQ(Parsed(bytes).status(), MemcacheStatus::kBad) << bytes.substr(0, 60);  // See semantics.md 30.
  }
}

TEST(MemcacheParser, EndsWithoutAWordWhatABrowserSays) {
  for (const char* bytes : {"GET / HTTP/1.0\r\n", "POST /x HTTP/1.1\r\nset k 0 0 1\r\n", "DELETE HTTP/1.1\n"}) {
    const Parsed parsed(bytes);
    EXPECT_EQ(parsed.status(), MemcacheStatus::kBad) << bytes;
    EXPECT_EQ(parsed->reply(), "") << bytes;
  }
  EXPECT_EQ(Parsed("get HTTP/1.1\r\n").status(), MemcacheStatus::kRequest);
  EXPECT_EQ(Parsed("HTTP/1.1 200 OK\r\n").status(), MemcacheStatus::kRefused);
}

TEST(MemcacheParser, HoldsTheListenersLimits) {
  const Limits limits{.request_bytes = 2000, .bulk_bytes = 40, .key_bytes = 250, .arguments = 20, .inline_bytes = 64};
  EXPECT_EQ(Parsed("set k 0 0 40\r\n" + std::string(40, 'v') + "\r\n", limits).status(), MemcacheStatus::kRequest);
  EXPECT_EQ(Parsed("set k 0 0 41\r\n", limits)->swallow(), 43U);
  EXPECT_EQ(Parsed("set k 0 0 41\r\n", limits)->error(), ErrorCode::kTooLarge);
  // The line counts as well, also where it is longer alone.
  const Limits short_requests{.request_bytes = 20, .bulk_bytes = 40, .inline_bytes = 64};
  EXPECT_EQ(Parsed("set " + std::string(30, 'k') + " 0 0 5\r\n", short_requests)->error(), ErrorCode::kTooLarge);
  // Only a get's line may be longer than others.
  EXPECT_EQ(Parsed("get " + std::string(100, 'k') + "\r\n", limits).status(), MemcacheStatus::kRequest);
  EXPECT_EQ(Parsed("gat 0 " + std::string(100, 'k') + "\r\n", limits).status(), MemcacheStatus::kBad);
  EXPECT_EQ(Parsed("get" + std::string(3000, ' '), limits).status(), MemcacheStatus::kBad);
  std::string many = "get";
  for (int i = 0; i < 20; ++i) many += " k";
  EXPECT_EQ(Parsed(many + "\r\n", limits).status(), MemcacheStatus::kRefused);
}

// See semantics.md 29.
TEST(MemcacheParser, FramesAMultiGetOfAnyLength) {
  std::string bytes = "get";
  for (int i = 0; i < 10'000; ++i) bytes += " key" + std::to_string(i);
  const Parsed parsed(bytes + "\r\n");
  ASSERT_EQ(parsed.status(), MemcacheStatus::kRequest);
  EXPECT_EQ(parsed->request().size(), 10'001U);
}

TEST(MemcacheParser, SaysHowMuchIsMissing) {
  const Parsed parsed("set k 0 0 1000\r\nab");
  ASSERT_EQ(parsed.status(), MemcacheStatus::kNeedMore);
  EXPECT_EQ(parsed.progress().needed, 16U + 1000U + 2U);
}

TEST(MemcacheParser, TakesNothingFromTheHeapOnceWarm) {
  MemcacheParser parser{Limits{}};
  MemcacheParser::Progress progress;
  const std::string bytes = "set k 0 0 5 noreply\r\nhello\r\n";
  parser.Parse(bytes, &progress);
  const test::AllocationCounter allocations;
  for (int i = 0; i < 100; ++i) parser.Parse(bytes, &progress);
  EXPECT_EQ(allocations.count(), 0U);
}

TEST(Quiet, KeepsBackWhatTheClientDoesNotWant) {
  EXPECT_FALSE(IsUnwanted(Quiet::kNone, "STORED\r\n"));
  EXPECT_TRUE(IsUnwanted(Quiet::kAll, "SERVER_ERROR node down\r\n"));
  EXPECT_TRUE(IsUnwanted(Quiet::kMiss, "EN\r\n"));
  EXPECT_FALSE(IsUnwanted(Quiet::kMiss, "HD\r\n"));
  EXPECT_TRUE(IsUnwanted(Quiet::kDone, "HD O1\r\n"));
  EXPECT_FALSE(IsUnwanted(Quiet::kDone, "NS\r\n"));
  EXPECT_FALSE(IsUnwanted(Quiet::kDone, "NF\r\n"));
  EXPECT_TRUE(IsUnwanted(Quiet::kDone, "OK O1\r\n"));
  EXPECT_TRUE(IsUnwanted(Quiet::kDoneAndValues, "OK\r\n"));
  EXPECT_FALSE(IsUnwanted(Quiet::kDone, "SERVER_ERROR node down\r\n"));
  EXPECT_TRUE(IsUnwanted(Quiet::kDoneAndValues, "VA 1\r\n1\r\n"));
}

}  // namespace
}  // namespace ringproxy::wire
