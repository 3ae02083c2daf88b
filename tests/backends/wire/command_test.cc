#include "backends/wire/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "tests/support/test_request.h"

namespace ringproxy::wire {
namespace {

using test::TestRequest;
using testing::ElementsAre;
using testing::HasSubstr;

std::string_view FoundName(std::string_view line) {
  const TestRequest request(TestRequest::Split(line));
  const CommandSpec* spec = FindRedisCommand(Request(request));
  return spec != nullptr ? spec->name : "none";
}

Shape ShapeOf(std::string_view line) {
  const TestRequest request(TestRequest::Split(line));
  const CommandSpec* spec = FindRedisCommand(Request(request));
  EXPECT_NE(spec, nullptr) << line;
  return CheckShape(*spec, request);
}

std::string_view Refusal(std::string_view line, std::string_view hash_tag = "{}") {
  const TestRequest request(TestRequest::Split(line));
  return RefusalOf(*FindRedisCommand(Request(request)), request, {hash_tag});
}

bool Pinned(std::string_view line) {
  const TestRequest request(TestRequest::Split(line));
  return IsPinned(*FindRedisCommand(Request(request)), request);
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

bool Has(std::string_view flags, std::string_view word) {
  const std::vector<std::string_view> words = TestRequest::Split(flags);
  return std::ranges::find(words, word) != words.end();
}

Work WorkOfLine(std::string_view line) {
  const TestRequest request(TestRequest::Split(line));
  return AskedOf(*FindRedisCommand(Request(request)), request).work;
}

TEST(CommandTable, FindsEveryRowInAnyCaseAndNumbersThemDensely) {
  size_t index = 0;
  for (const CommandSpec& spec : RedisCommands()) {
    EXPECT_EQ(CommandIndex(spec), index++);
    EXPECT_EQ(FindRedisCommand(spec.name), &spec) << spec.name;
    EXPECT_EQ(FindRedisCommand(Upper(spec.name)), &spec) << spec.name;
    const size_t bar = spec.name.find('|');
    const std::string upper = Upper(spec.name.substr(0, bar));
    std::vector<std::string_view> words = {upper};
    if (bar != std::string_view::npos) words.push_back(spec.name.substr(bar + 1));
    EXPECT_EQ(FindRedisCommand(Request(TestRequest(words))), &spec) << spec.name;
  }
}

TEST(CommandTable, NumbersRowsOfAnotherTableBehindItsOwnWithTheirSubcommands) {
  // In the order of characters "commandlog" and "command_x" would part "command" from "command|count".
  std::vector<CommandSpec> rows = {
      {.name = "command", .arity = -1, .access = Access::kOther},
      {.name = "command|count", .arity = 2, .access = Access::kOther},
      {.name = "command|docs", .arity = -2, .access = Access::kOther},
      {.name = "command_x", .arity = 1, .access = Access::kOther},
      {.name = "commandlog", .arity = -2, .access = Access::kOther},
      {.name = "commandlog|get", .arity = -4, .access = Access::kAdmin},
  };
  EXPECT_TRUE(std::ranges::is_sorted(rows, StandsBefore));
  const size_t first = RedisCommands().size();
  NumberRows(rows, static_cast<uint16_t>(first));
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(CommandIndex(rows[i]), first + i);
  const auto names = [&](size_t row) {
    std::vector<std::string_view> found;
    for (const CommandSpec& subcommand : SubcommandsOf(rows[row])) found.push_back(subcommand.name);
    return found;
  };
  EXPECT_THAT(names(0), ElementsAre("command|count", "command|docs"));
  EXPECT_THAT(names(4), ElementsAre("commandlog|get"));
  for (const size_t row : {1, 2, 3, 5}) EXPECT_THAT(names(row), testing::IsEmpty()) << rows[row].name;
  const TestRequest request({"commandlog", "nosuch"});
  EXPECT_EQ(CheckShape(rows[4], request), Shape::kUnknownSubcommand);
  EXPECT_EQ(CheckShape(rows[3], TestRequest({"command_x"})), Shape::kOk);
}

TEST(CommandTable, FindsNothingForNamesThatOnlyLookLikeARow) {
  for (const CommandSpec& spec : RedisCommands()) {
    for (size_t i = 0; i < spec.name.size(); ++i) {
      std::string changed(spec.name);
      changed[i] = static_cast<char>(changed[i] ^ 0x40);
      EXPECT_EQ(FindRedisCommand(changed), nullptr) << changed;
      changed[i] = static_cast<char>(spec.name[i] ^ 0x80);
      EXPECT_EQ(FindRedisCommand(changed), nullptr) << changed;
      if (spec.name[i] < 'a' || spec.name[i] > 'z') {
        changed[i] = static_cast<char>(spec.name[i] ^ 0x20);  // '-' and '\r' differ as 'a' and 'A' do.
        EXPECT_EQ(FindRedisCommand(changed), nullptr) << changed;
      }
    }
  }
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "g"sv, "ge"sv, "gett"sv, "get\0"sv, "|"sv, "config|"sv, "config|get|x"sv,
                                      "config get"sv, "zrevrangebyscorezrevrangebyscore"sv}) {
    EXPECT_EQ(FindRedisCommand(name), nullptr) << name;
  }
}

TEST(CommandTable, ARequestForABarredNameIsUnknownAsInRedis) {
  EXPECT_EQ(FoundName("config|get x"), "none");
  EXPECT_EQ(FoundName("foo|bar"), "none");
}

TEST(CommandTable, ResolvesContainersToTheirSubcommands) {
  EXPECT_EQ(FoundName("Config GeT x"), "config|get");
  EXPECT_EQ(FoundName("object encoding k"), "object|encoding");
  EXPECT_EQ(FoundName("object nosuch k"), "object");
  EXPECT_EQ(FoundName("command"), "command");
  EXPECT_EQ(FoundName("get encoding"), "get");
  EXPECT_EQ(SubcommandsOf(*FindRedisCommand("memory")).size(), 6U);
  EXPECT_TRUE(SubcommandsOf(*FindRedisCommand("bitfield")).empty());  // bitfield_ro is none of its.
  EXPECT_TRUE(SubcommandsOf(RedisCommands().back()).empty());
}

TEST(CommandTable, ChecksArityAndSubcommandsInTheOrderOfRedis) {
  EXPECT_EQ(ShapeOf("get"), Shape::kWrongArity);
  EXPECT_EQ(ShapeOf("get a"), Shape::kOk);
  EXPECT_EQ(ShapeOf("get a b"), Shape::kWrongArity);
  EXPECT_EQ(ShapeOf("del"), Shape::kWrongArity);
  EXPECT_EQ(ShapeOf("del a b c"), Shape::kOk);
  EXPECT_EQ(ShapeOf("client"), Shape::kWrongArity);
  EXPECT_EQ(ShapeOf("client foo"), Shape::kUnknownSubcommand);
  EXPECT_EQ(ShapeOf("client setname"), Shape::kWrongArity);
  EXPECT_EQ(ShapeOf("command"), Shape::kOk);
  EXPECT_EQ(ShapeOf("command foo"), Shape::kUnknownSubcommand);
}

TEST(CommandTable, AWriteIsNeverARead) {  // See semantics.md 34.
  for (const CommandSpec& spec : RedisCommands()) {
    if (Has(spec.flags, "write")) {
      EXPECT_TRUE(spec.access == Access::kWrite || spec.access == Access::kAdmin) << spec.name;
    }
    if (spec.access == Access::kRead) {
      EXPECT_TRUE(Has(spec.flags, "readonly")) << spec.name;
    }
    if (Has(spec.flags, "admin")) {
      EXPECT_EQ(spec.access, Access::kAdmin) << spec.name;
    }
  }
  for (const std::string_view script : {"eval", "evalsha", "fcall"}) {
    EXPECT_EQ(FindRedisCommand(script)->access, Access::kWrite) << script;
  }
}

TEST(CommandTable, OnlyWhatChangesNothingMayBeAskedAgain) {  // See semantics.md 25.
  for (const CommandSpec& spec : RedisCommands()) {
    if (spec.retry == Retry::kNever) continue;
    EXPECT_FALSE(Has(spec.flags, "write")) << spec.name;
    EXPECT_FALSE(Has(spec.flags, "admin")) << spec.name;
    EXPECT_NE(spec.handling, Handling::kRefused) << spec.name;
    EXPECT_NE(spec.handling, Handling::kLocal) << spec.name;
  }
}

TEST(CommandTable, EveryRowSaysWhatBecomesOfItsReplies) {
  for (const CommandSpec& spec : RedisCommands()) {
    const bool many = spec.handling == Handling::kSplit || spec.handling == Handling::kAllNodes ||
                      spec.handling == Handling::kControl;
    EXPECT_EQ(spec.handling == Handling::kCursor, spec.merge == Merge::kNextCursor) << spec.name;
    EXPECT_EQ(many || spec.handling == Handling::kCursor, spec.merge != Merge::kNone) << spec.name;
    const bool is_refused = spec.handling == Handling::kRefused || spec.handling == Handling::kOneNode;
    EXPECT_EQ(is_refused, !spec.why.empty()) << spec.name;
    if (spec.handling == Handling::kForward) {
      EXPECT_NE(spec.keys.kind, KeyKind::kNone) << spec.name;
    }
    if (spec.handling == Handling::kSplit) {
      EXPECT_EQ(spec.keys.kind, KeyKind::kRange) << spec.name;
    }
    if (spec.handling == Handling::kAllNodes || spec.handling == Handling::kOneNode ||
        spec.handling == Handling::kControl) {
      EXPECT_EQ(spec.keys.kind, KeyKind::kNone) << spec.name;
    }
  }
}

TEST(CommandTable, AFixedKeyPositionExistsInEveryRequestOfRightArity) {
  for (const CommandSpec& spec : RedisCommands()) {
    if (!HasOneKey(spec)) continue;
    EXPECT_GT(std::abs(spec.arity), spec.keys.first) << spec.name;
    EXPECT_EQ(spec.keys.first, spec.keys.last) << spec.name;
  }
}

TEST(CommandTable, KeysThatFollowEachOtherAreAStepApart) {
  for (const CommandSpec& spec : RedisCommands()) {
    if (spec.keys.kind != KeyKind::kRange && spec.keys.kind != KeyKind::kCounted) continue;
    EXPECT_GT(spec.keys.step, 0) << spec.name;
  }
}

TEST(CommandTable, WhatWouldBlockASharedConnectionTakesAnother) {  // See semantics.md 20.
  for (const CommandSpec& spec : RedisCommands()) {
    if (!Has(spec.flags, "blocking") || spec.handling == Handling::kRefused) continue;
    EXPECT_EQ(spec.handling, Handling::kPinned) << spec.name;
    EXPECT_EQ(spec.check == ArgumentCheck::kBlockOption, spec.name.starts_with('x')) << spec.name;
  }
  EXPECT_TRUE(Pinned("blpop k 0"));
  EXPECT_TRUE(Pinned("xread block 0 streams s 0"));
  EXPECT_TRUE(Pinned("xread COUNT 1 Block 10 streams s 0"));
  EXPECT_TRUE(Pinned("xreadgroup group g c block 0 streams s >"));
  EXPECT_TRUE(Pinned("xreadgroup count 1 group streams c block 0 streams s >"));
  EXPECT_TRUE(Pinned("xreadgroup noack group g c block 0 streams s >"));
}

TEST(CommandTable, ANameThatIsTheWordBlockBlocksNobody) {
  EXPECT_FALSE(Pinned("xread streams block 0"));
  EXPECT_FALSE(Pinned("xread count 1 streams block streams 0 0"));
  EXPECT_FALSE(Pinned("xreadgroup group block block streams s >"));
  EXPECT_FALSE(Pinned("xreadgroup count 1 group g block streams s >"));
}

TEST(CommandTable, RefusesWhatNeedsAConnectionOfItsOwn) {  // See semantics.md 16, 19, 33.
  for (const std::string_view line : {"monitor", "client caching yes", "shutdown", "config set a b", "debug sleep 1",
                                      "replicaof no one", "cluster nodes", "swapdb 0 1", "script debug yes"}) {
    EXPECT_NE(Refusal(line), "") << line;
  }
  for (const std::string_view line : {"scan 0", "hscan k 0", "sscan k 0", "zscan k 0"})
    EXPECT_EQ(Refusal(line), "") << line;  // See semantics.md 18.
}

TEST(CommandTable, RefusesWhatWouldLeaveSomethingOnASharedConnection) {
  for (const std::string_view line :
       {"himport prepare s f g", "himport set k s a b", "client import-source on", "blmovem a b left right 0"}) {
    EXPECT_THAT(Refusal(line), HasSubstr("connection that all clients share")) << line;
  }
}

TEST(CommandTable, KnowsWhatWaitsAndWhatOfItWaitsForReplicas) {
  const auto of = [](std::string_view name) -> const CommandSpec& { return *FindRedisCommand(name); };
  for (const std::string_view name : {"wait", "waitaof", "blpop", "xread"}) EXPECT_TRUE(IsBlocking(of(name))) << name;
  for (const std::string_view name : {"wait", "waitaof"}) EXPECT_TRUE(CountsReplicas(of(name))) << name;
  for (const std::string_view name : {"blpop", "xread", "watch", "ping"})
    EXPECT_FALSE(CountsReplicas(of(name))) << name;
  EXPECT_FALSE(IsBlocking(of("watch")));
}

TEST(CommandTable, SeveralNodesRefuseWhatOnlyOneCanAnswer) {
  const auto refusal = [](std::string_view line) {
    const TestRequest request(TestRequest::Split(line));
    return RefusalBySeveral(*FindRedisCommand(Request(request)), request);
  };
  for (const std::string_view line : {"ft.search i *", "ft.create i schema a text", "ft.cursor read i 1"}) {
    EXPECT_THAT(refusal(line), HasSubstr("a pool of one node")) << line;
    EXPECT_EQ(Refusal(line), "") << line;
  }
  EXPECT_THAT(refusal("ts.mrange - + filter a=b GroupBy x reduce max"), HasSubstr("GROUPBY"));
  for (const std::string_view line : {"ts.mrange - + filter a=groupby", "ts.mget filter groupby=x", "dbsize", "keys *"})
    EXPECT_EQ(refusal(line), "") << line;
}

TEST(CommandTable, RowsThatAreYoungerThanSevenSaySinceWhen) {
  const auto since = [](std::string_view name) { return FindRedisCommand(name)->since; };
  EXPECT_EQ(since("get"), FirstReleases{});
  // The proxy answers it, whatever the nodes are.
  EXPECT_EQ(since("client|setinfo"), FirstReleases{});
  EXPECT_EQ(since("hexpire"), (FirstReleases{ReleaseNumber(7, 4), ReleaseNumber(9)}));
  EXPECT_EQ(since("msetex"), (FirstReleases{ReleaseNumber(8, 4), ReleaseNumber(9, 1)}));
  EXPECT_EQ(since("delifeq"), (FirstReleases{kNoRelease, ReleaseNumber(9)}));
  EXPECT_EQ(since("xackdel"), (FirstReleases{ReleaseNumber(8, 2), kNoRelease}));
  EXPECT_EQ(since("json.get"), (FirstReleases{ReleaseNumber(8), kNoRelease}));
  EXPECT_EQ(since("bf.load"), (FirstReleases{kNoRelease, kNoRelease}));
  EXPECT_LT(ReleaseNumber(8, 10, 2), ReleaseNumber(9));
  EXPECT_LT(ReleaseNumber(8, 4, 4), ReleaseNumber(8, 10));
}

TEST(CommandTable, SortMayOnlyReachKeysThatItsHashTagKeepsOnOneNode) {
  EXPECT_EQ(Refusal("sort k"), "");
  EXPECT_EQ(Refusal("sort k by nosort get # limit 0 1 store d"), "");
  EXPECT_EQ(Refusal("sort {a}k by w_{a}_* get {a}_*->f"), "");
  EXPECT_EQ(Refusal("sort_ro {a}k by {a}*"), "");
  const TestRequest anywhere(TestRequest::Split("sort k by w_* get *"));
  EXPECT_EQ(RefusalOf(*FindRedisCommand(Request(anywhere)), anywhere, {.hash_tag = "{}", .has_one_node = true}), "");
  for (const std::string_view line :
       {"sort k by w_*", "sort k get w_*->f", "sort_ro k get *", "sort k by *{a}", "sort k by {*}a", "sort k by {a*}",
        "sort k by {}a*", "sort k by {a*", "sort k by }{a*", "sort k store by by w_*", "sort k asc get # get w_*"}) {
    EXPECT_THAT(Refusal(line), HasSubstr("hash tag")) << line;  // See semantics.md 21.
  }
  EXPECT_THAT(Refusal("sort k by {a}*", ""), HasSubstr("hash tag"));
  EXPECT_EQ(Refusal("sort k by <a>*", "<>"), "");
  EXPECT_THAT(Refusal("sort k by {a}*", "<>"), HasSubstr("hash tag"));
}

TEST(CommandTable, KnowsWhatWritesAKeyOfAnotherDatabase) {
  const auto writes_other = [](std::string_view line) {
    const test::TestRequest request(test::TestRequest::Split(line));
    return WritesOtherDatabase(*FindRedisCommand(Request(request)), request);
  };
  for (const std::string_view line : {"move k 1", "copy a b db 1", "copy a b replace DB 0", "COPY db db DB 2"})
    EXPECT_TRUE(writes_other(line)) << line;
  for (const std::string_view line : {"copy a b", "copy a b replace", "copy db db", "set k db", "rename a db"})
    EXPECT_FALSE(writes_other(line)) << line;
  EXPECT_EQ(Refusal("move k 1"), "");
  EXPECT_EQ(Refusal("copy a b db 1"), "");
}

TEST(AskedOf, TellsWhatMayKeepANodeBusyForLong) {
  for (const char* line :
       {"KEYS *", "SORT a", "SORT_RO a", "ZUNIONSTORE d 1 a", "SUNION a b", "SINTERSTORE d a", "LCS a b", "FLUSHALL",
        "FLUSHDB", "BITOP AND d a", "COPY a b", "RESTORE a 0 x", "ZREMRANGEBYRANK a 0 1"}) {
    EXPECT_EQ(WorkOfLine(line), Work::kHeavy) << line;
  }
  // FUNCTION LOAD and RESTORE run what a library says outside its functions.
  for (const char* line :
       {"EVAL x 0", "EVALSHA_RO x 0", "FCALL f 0", "FCALL_RO f 0", "FUNCTION LOAD x", "FUNCTION RESTORE x"}) {
    EXPECT_EQ(WorkOfLine(line), Work::kScript) << line;
  }
  for (const char* line :
       {"SCRIPT LOAD x", "SCRIPT EXISTS x", "SCRIPT FLUSH", "FUNCTION LIST", "FUNCTION DELETE x", "FUNCTION FLUSH"}) {
    EXPECT_EQ(WorkOfLine(line), Work::kForeign) << line;
  }
  for (const char* line : {"GET a", "SET a b", "DEL a", "UNLINK a b", "MGET a b", "HGETALL a", "LRANGE a 0 -1"}) {
    EXPECT_EQ(WorkOfLine(line), Work::kPlain) << line;
  }
}

TEST(AskedOf, CountsWritesThatReachFarAndLargeStepsOfScansAsHeavy) {
  for (const char* line : {"SCAN 0 COUNT 10000", "SCAN 0 MATCH a* count 1000000 TYPE set", "HSCAN k 0 COUNT 10000",
                           "SETBIT a 8388608 1", "SETBIT a 4294967295 1", "SETRANGE a 1048576 x",
                           "BITFIELD a SET u8 8388608 1", "BITFIELD a GET u8 0 INCRBY i64 #131072 1"}) {
    EXPECT_EQ(WorkOfLine(line), Work::kHeavy) << line;
  }
  for (const char* line :
       {"SETBIT a 8388607 1", "SETBIT a x 1", "SETRANGE a 1048575 x", "SETRANGE a -1 x", "SETRANGE a \"\" x", "SCAN 0",
        "SCAN 0 COUNT 9999", "SCAN 0 MATCH COUNT", "SCAN 10000", "SCAN 0 COUNT x", "ZSCAN k 0 COUNT 10",
        "BITFIELD a SET u8 #100 1", "GETBIT a 4294967295", "GETRANGE a 1048576 -1"}) {
    EXPECT_EQ(WorkOfLine(line), Work::kPlain) << line;
  }
}

}  // namespace
}  // namespace ringproxy::wire
