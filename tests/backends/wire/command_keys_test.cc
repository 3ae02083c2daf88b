#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "backends/wire/command.h"
#include "tests/support/test_request.h"

namespace ringproxy::wire {
namespace {

using test::TestRequest;
using testing::ElementsAre;

struct Keys {
  KeyResult result;
  std::vector<std::string> names;
};

Keys KeysOf(const std::vector<std::string_view>& words) {
  const TestRequest framed(words);
  const Request request = framed;
  const CommandSpec* spec = FindRedisCommand(request);
  EXPECT_NE(spec, nullptr) << words[0];
  EXPECT_EQ(CheckShape(*spec, request), Shape::kOk) << words[0];
  KeyPositions positions = {77};  // What an earlier request has left is cleared.
  Keys keys{FindKeys(*spec, request, &positions), {}};
  for (const uint32_t position : positions) keys.names.emplace_back(request[position]);
  return keys;
}

std::vector<std::string> NamesOf(std::string_view line) {
  const Keys keys = KeysOf(TestRequest::Split(line));
  EXPECT_EQ(keys.result, KeyResult::kOk) << line;
  return keys.names;
}

KeyResult ResultOf(std::string_view line) {
  return KeysOf(TestRequest::Split(line)).result;
}

TEST(FindKeys, AtFixedPositions) {
  EXPECT_THAT(NamesOf("get a"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("set a b px 10"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("object encoding a"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("xgroup create a g $"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("xinfo stream a full"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("memory usage a samples 1"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("get \"\""), ElementsAre(""));
}

TEST(FindKeys, InRanges) {
  EXPECT_THAT(NamesOf("rename a b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("mget a b a"), ElementsAre("a", "b", "a"));  // See semantics.md 4.
  EXPECT_THAT(NamesOf("mset a 1 b 2"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("bitop and d a b"), ElementsAre("d", "a", "b"));
  EXPECT_THAT(NamesOf("blpop a b 0"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("lcs a b len"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sdiffstore d a b"), ElementsAre("d", "a", "b"));
}

TEST(FindKeys, AnMsetWithoutItsLastValueIsLeftToRedis) {
  EXPECT_EQ(ResultOf("mset a 1 b"), KeyResult::kSyntax);
  EXPECT_EQ(ResultOf("msetnx a 1 b"), KeyResult::kSyntax);
}

TEST(FindKeys, BehindACount) {
  EXPECT_THAT(NamesOf("eval script 2 a b c"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("fcall f 1 a"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("zunion 2 a b weights 1 2"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("lmpop 1 a left"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("blmpop 0 2 a b left"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sintercard 2 a b limit 1"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("zunionstore d 2 a b aggregate max"), ElementsAre("d", "a", "b"));
  EXPECT_THAT(NamesOf("zdiffstore d 1 a"), ElementsAre("d", "a"));
  EXPECT_EQ(ResultOf("eval script 0 a b"), KeyResult::kNoKeys);
  EXPECT_EQ(ResultOf("evalsha sha 0"), KeyResult::kNoKeys);
}

TEST(FindKeys, ACountThatRedisWouldNotReadIsLeftToRedis) {
  for (const std::string_view count : {"3", "-1", "x", "", "+1", "01", "-0", "1.0", " 1", "1 ", "0x1", "1e0",
                                       "9223372036854775808", "18446744073709551617", "4294967297"}) {
    EXPECT_EQ(KeysOf({"eval", "script", count, "a", "b"}).result, KeyResult::kSyntax) << count;
    EXPECT_EQ(KeysOf({"zunion", count, "a", "b"}).result, KeyResult::kSyntax) << count;
    EXPECT_EQ(KeysOf({"zinterstore", "d", count, "a", "b"}).result, KeyResult::kSyntax) << count;
  }
}

TEST(FindKeys, BehindACountWithAValueEach) {
  EXPECT_THAT(NamesOf("msetex 2 a 1 b 2 ex 10"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("msetex 2 a 1 b 2"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("msetex 1 a 1 nx keepttl"), ElementsAre("a"));
  EXPECT_EQ(ResultOf("msetex 0 a 1"), KeyResult::kNoKeys);
  // The last value is missing, the count is larger than what follows, or it is no count.
  for (const std::string_view line : {"msetex 2 a 1 b", "msetex 3 a 1 b 2", "msetex 4611686018427387904 a 1",
                                      "msetex 9223372036854775807 a 1", "msetex -1 a 1", "msetex x a 1"}) {
    EXPECT_EQ(ResultOf(line), KeyResult::kSyntax) << line;
  }
}

// Every other layout of the commands that Redis, Valkey and their modules have got since 7.0.
TEST(FindKeys, OfNewerCommands) {
  EXPECT_THAT(NamesOf("json.mset a $ 1 b $.x 2"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("ts.madd a 1000 1.5 a 2000 2.5"), ElementsAre("a", "a"));
  EXPECT_EQ(ResultOf("json.mset a $ 1 b $"), KeyResult::kSyntax);
  EXPECT_EQ(ResultOf("json.mset a $ 1 b"), KeyResult::kSyntax);
  EXPECT_THAT(NamesOf("json.mget a b a $.path"), ElementsAre("a", "b", "a"));
  EXPECT_THAT(NamesOf("lmovem a b left right count 2"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("ts.createrule a b aggregation avg 60"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sunioncard 2 a b limit 3"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("ts.nrange 1 a - +"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("cms.merge d 2 a b weights 1 2"), ElementsAre("d", "a", "b"));
  EXPECT_THAT(NamesOf("tdigest.merge d 1 a override"), ElementsAre("d", "a"));
  EXPECT_THAT(NamesOf("json.debug memory a $"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("himport set a fields 1"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("hgetex a ex 10 fields 1 f"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("xackdel a g delref ids 1 1-1"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("lcs a b len"), ElementsAre("a", "b"));
}

TEST(FindKeys, OfStreams) {
  EXPECT_THAT(NamesOf("xread streams a 0"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("xread COUNT 2 Streams a b 0 $"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("xreadgroup group g c noack streams a b > >"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("xreadgroup group streams streams streams a >"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("xreadgroup count 1 group streams c streams a >"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("xread streams streams streams 0 0"), ElementsAre("streams", "streams"));
  EXPECT_EQ(ResultOf("xread streams a b 0"), KeyResult::kSyntax);
  EXPECT_EQ(ResultOf("xread count 1 a b 0"), KeyResult::kSyntax);
  EXPECT_EQ(ResultOf("xread count 1 streams"), KeyResult::kSyntax);
  EXPECT_EQ(ResultOf("xread a b c"), KeyResult::kSyntax);
  EXPECT_EQ(ResultOf("xreadgroup a b c d e group"), KeyResult::kSyntax);
}

TEST(FindKeys, OfSortWithWhatItsPatternsReach) {
  EXPECT_THAT(NamesOf("sort a"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("sort a limit 0 1 alpha desc store b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sort a STORE x store b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sort a by {t}* get # get {t}h*->f get fixed"), ElementsAre("a", "{t}*", "{t}h*->f"));
  EXPECT_THAT(NamesOf("sort a limit store store store b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sort a store by store b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("sort_ro a by nosort"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("sort a store"), ElementsAre("a"));
}

TEST(FindKeys, OfGeoradiusAndMigrate) {
  EXPECT_THAT(NamesOf("georadius a 1 2 3 km"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("georadius a 1 2 3 km count 1 STORE b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("georadiusbymember a m 3 km storedist b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("georadiusbymember a store 3 km store b storedist c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(NamesOf("georadius_ro a 1 2 3 km"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("migrate h 1 a 0 10"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("migrate h 1 \"\" 0 10 copy keys a b"), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf("migrate h 1 \"\" 0 10 auth keys KEYS a"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("migrate h 1 \"\" 0 10 auth2 u keys keys a"), ElementsAre("a"));
  EXPECT_THAT(NamesOf("migrate h 1 a 0 10 keys b"), ElementsAre("a"));
}

TEST(FindKeys, TellsThatThereAreNone) {
  EXPECT_EQ(ResultOf("dbsize"), KeyResult::kNoKeys);
  EXPECT_EQ(ResultOf("keys *"), KeyResult::kNoKeys);
  EXPECT_EQ(ResultOf("script load x"), KeyResult::kNoKeys);
}

// Whatever stands in a request of right arity, positions lie inside it and behind the name.
TEST(FindKeys, StaysWithinAnyRequest) {
  constexpr std::string_view kWords[] = {"streams",
                                         "group",
                                         "block",
                                         "count",
                                         "store",
                                         "storedist",
                                         "by",
                                         "get",
                                         "limit",
                                         "keys",
                                         "auth",
                                         "auth2",
                                         "0",
                                         "1",
                                         "2",
                                         "-1",
                                         "7",
                                         "",
                                         "*",
                                         "{a}*",
                                         "noack",
                                         "db",
                                         "99999999999999999999"};
  std::mt19937 random(1);
  KeyPositions positions;
  for (const CommandSpec& spec : RedisCommands()) {
    for (int round = 0; round < 200; ++round) {
      const auto least = static_cast<size_t>(std::abs(spec.arity));
      const size_t size = spec.arity > 0 ? least : least + random() % 6;
      std::vector<std::string_view> words(size, spec.name.substr(0, spec.name.find('|')));
      for (size_t i = 1; i < size; ++i) words[i] = kWords[random() % std::size(kWords)];
      if (const size_t bar = spec.name.find('|'); bar != std::string_view::npos) words[1] = spec.name.substr(bar + 1);
      const TestRequest request(words);
      if (CheckShape(spec, request) != Shape::kOk) continue;
      const KeyResult result = FindKeys(spec, request, &positions);
      RefusalOf(spec, request, {"{}"});
      if (result == KeyResult::kOk) {
        EXPECT_FALSE(positions.empty()) << spec.name;
      }
      if (result != KeyResult::kOk) continue;
      for (const uint32_t position : positions) {
        EXPECT_GT(position, 0U) << spec.name;
        EXPECT_LT(position, size) << spec.name;
      }
    }
  }
}

}  // namespace
}  // namespace ringproxy::wire
