#include "backends/wire/learnt_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/wire/resp_encode.h"

namespace ringproxy::wire {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string Text(std::string_view text) {
  std::string out;
  AppendBulk(text, &out);
  return out;
}
std::string Number(int64_t value) {
  std::string out;
  AppendInteger(value, &out);
  return out;
}
std::string List(const std::vector<std::string>& elements) {
  std::string out;
  AppendArrayHeader(elements.size(), &out);
  for (const std::string& element : elements) out += element;
  return out;
}
// As a server writes words in sets.
std::string Flags(const std::vector<std::string>& words) {
  std::vector<std::string> elements;
  for (const std::string& word : words) elements.push_back("+" + word + "\r\n");
  return List(elements);
}

struct Told {
  std::string name = "my.cmd";
  int arity = -2;
  std::vector<std::string> flags = {"readonly"};
  std::vector<int> triple = {0, 0, 0};
  std::vector<std::string> categories = {};
  std::vector<std::string> tips = {};
  std::vector<std::string> key_specs = {};
  std::vector<std::string> subcommands = {};
};

std::string Command(const Told& told) {
  std::vector<std::string> tips;
  for (const std::string& tip : told.tips) tips.push_back(Text(tip));
  return List({Text(told.name), Number(told.arity), Flags(told.flags), Number(told.triple[0]), Number(told.triple[1]),
               Number(told.triple[2]), Flags(told.categories), List(tips), List(told.key_specs),
               List(told.subcommands)});
}

std::string KeySpecText(const std::string& begin, const std::string& find,
                        const std::vector<std::string>& flags = {"RO"}) {
  return List({Text("flags"), Flags(flags), Text("begin_search"), begin, Text("find_keys"), find});
}
std::string AtIndex(int64_t index) {
  return List({Text("type"), Text("index"), Text("spec"), List({Text("index"), Number(index)})});
}
std::string KeyRange(int64_t last, int64_t step, int64_t limit = 0) {
  return List({Text("type"), Text("range"), Text("spec"),
               List({Text("lastkey"), Number(last), Text("keystep"), Number(step), Text("limit"), Number(limit)})});
}
std::string KeyCount(int64_t count, int64_t first, int64_t step) {
  return List(
      {Text("type"), Text("keynum"), Text("spec"),
       List({Text("keynumidx"), Number(count), Text("firstkey"), Number(first), Text("keystep"), Number(step)})});
}

LearntRow RowOf(const Told& told) {
  const auto rows = ReadLearntRows(List({Command(told)}));
  EXPECT_TRUE(rows && rows->size() == 1) << told.name;
  return rows && rows->size() == 1 ? rows->front() : LearntRow{};
}
void ExpectKeys(const LearntRow& row, KeyKind kind, int first = 0, int last = 0, int step = 0) {
  EXPECT_EQ(row.keys.kind, kind);
  EXPECT_EQ(row.keys.first, first);
  EXPECT_EQ(row.keys.last, last);
  EXPECT_EQ(row.keys.step, step);
  EXPECT_TRUE(row.why.empty()) << row.why;
}
void ExpectRefused(const LearntRow& row, const std::string& why) {
  EXPECT_EQ(row.handling, Handling::kRefused);
  EXPECT_THAT(std::string(row.why), HasSubstr(why));
  EXPECT_EQ(row.keys.kind, KeyKind::kNone);
}

TEST(LearntRow, GoesByTheThreeNumbersWhereThereAreNoKeySpecifications) {
  ExpectKeys(RowOf({.triple = {1, 1, 1}}), KeyKind::kOne, 1, 1, 1);
  ExpectKeys(RowOf({.triple = {1, -1, 2}}), KeyKind::kRange, 1, -1, 2);
  ExpectKeys(RowOf({.triple = {2, 3, 1}}), KeyKind::kRange, 2, 3, 1);
  // Modules leave the number of words open, and then the key need not be there.
  ExpectKeys(RowOf({.arity = -1, .triple = {1, 1, 1}}), KeyKind::kRange, 1, 1, 1);
  ExpectKeys(RowOf({.arity = 2, .triple = {1, 1, 1}}), KeyKind::kOne, 1, 1, 1);
  ExpectKeys(RowOf({.arity = 2, .triple = {2, 2, 1}}), KeyKind::kRange, 2, 2, 1);
  // Redis 6 says no more than this.
  const auto rows =
      ReadLearntRows(List({List({Text("MY.old"), Number(3), Flags({"write"}), Number(1), Number(1), Number(1)})}));
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front().name, "my.old");
  EXPECT_EQ(rows->front().access, Access::kWrite);
  ExpectKeys(rows->front(), KeyKind::kOne, 1, 1, 1);
}

TEST(LearntRow, KeySpecificationsSayWhereTheKeysAre) {
  const auto keys = [](const std::vector<std::string>& specs, std::vector<std::string> flags = {"write"}) {
    return RowOf({.flags = std::move(flags), .triple = {1, 1, 1}, .key_specs = specs});
  };
  ExpectKeys(keys({KeySpecText(AtIndex(1), KeyRange(0, 1))}), KeyKind::kOne, 1, 1, 1);
  ExpectKeys(keys({KeySpecText(AtIndex(2), KeyRange(-1, 2))}), KeyKind::kRange, 2, -1, 2);
  ExpectKeys(keys({KeySpecText(AtIndex(1), KeyCount(0, 1, 1))}, {"write", "movablekeys"}), KeyKind::kCounted, 1, 0, 1);
  ExpectKeys(keys({KeySpecText(AtIndex(1), KeyRange(0, 1)), KeySpecText(AtIndex(2), KeyRange(0, 1))}), KeyKind::kRange,
             1, 2, 1);
  ExpectKeys(keys({KeySpecText(AtIndex(1), KeyRange(0, 1)), KeySpecText(AtIndex(2), KeyRange(-1, 1))}), KeyKind::kRange,
             1, -1, 1);
  ExpectKeys(keys({KeySpecText(AtIndex(1), KeyRange(0, 1)), KeySpecText(AtIndex(2), KeyCount(0, 1, 1))}),
             KeyKind::kDestinationAndCounted);
}

TEST(LearntRow, KeysThatCannotBeToldAreRefused) {
  const std::string keyword =
      List({Text("type"), Text("keyword"), Text("spec"), List({Text("keyword"), Text("KEYS")})});
  const std::vector<std::vector<std::string>> kSpecs = {
      {KeySpecText(AtIndex(1), KeyRange(0, 1), {"RO", "incomplete"})},
      {KeySpecText(keyword, KeyRange(0, 1))},
      {KeySpecText(AtIndex(1), KeyRange(-1, 1, 2))},
      {KeySpecText(AtIndex(1), KeyCount(0, 2, 1))},
      {KeySpecText(AtIndex(1), KeyRange(0, 0))},
      {KeySpecText(AtIndex(0), KeyRange(0, 1))},
      {KeySpecText(AtIndex(INT64_MAX), KeyRange(INT64_MAX, INT64_MAX))},
      {KeySpecText(AtIndex(1), KeyRange(INT64_MIN, 1))},
      {KeySpecText(AtIndex(1), KeyCount(INT64_MAX, INT64_MIN, 1))},
      {KeySpecText(AtIndex(101), KeyRange(0, 1))},
      {KeySpecText(AtIndex(1), KeyRange(0, 1)), KeySpecText(AtIndex(3), KeyRange(0, 1))},
      {KeySpecText(AtIndex(1), KeyRange(-1, 1)), KeySpecText(AtIndex(2), KeyRange(0, 1))},
      {Text("nonsense")},
      {List({Text("begin_search")})},
  };
  for (const auto& specs : kSpecs) ExpectRefused(RowOf({.triple = {1, 1, 1}, .key_specs = specs}), "cannot be told");
  ExpectRefused(RowOf({.flags = {"readonly", "movablekeys"}, .triple = {1, 1, 1}}), "cannot be told");
  ExpectRefused(RowOf({.flags = {"readonly", "movablekeys"}}), "cannot be told");
  for (const std::vector<int>& triple :
       std::vector<std::vector<int>>{{-1, 1, 1}, {1, 0, 1}, {3, 2, 1}, {1, 1, 0}, {1, 500, 1}})
    ExpectRefused(RowOf({.triple = triple}), "cannot be told");
}

TEST(LearntRow, WhatWaitsListensOrChangesAConnectionIsRefused) {
  for (const auto& [flag, why] : std::vector<std::pair<std::string, std::string>>{
           {"blocking", "wait"}, {"pubsub", "subscribes"}, {"admin", "how the nodes run"}}) {
    ExpectRefused(RowOf({.flags = {"readonly", flag}, .triple = {1, 1, 1}}), why);
  }
  for (const auto& [category, why] :
       std::vector<std::pair<std::string, std::string>>{{"@blocking", "wait"},
                                                        {"@pubsub", "subscribes"},
                                                        {"@transaction", "transaction"},
                                                        {"@connection", "connection"},
                                                        {"@admin", "how the nodes run"}}) {
    ExpectRefused(RowOf({.triple = {1, 1, 1}, .categories = {"@fast", category}}), why);
  }
  ExpectRefused(RowOf({.subcommands = {Command({})}}), "subcommands");
}

TEST(LearntRow, WithoutKeysTheTipsSayForWhomItIs) {
  EXPECT_EQ(RowOf({}).handling, Handling::kAnyNode);
  ExpectRefused(RowOf({.flags = {"write"}}), "names no keys");
  ExpectRefused(RowOf({.tips = {"request_policy:special"}}), "names no keys");
  const auto all = [](const std::string& policy, const char* access) {
    return RowOf({.flags = {access}, .tips = {"request_policy:all_shards", "response_policy:" + policy}});
  };
  EXPECT_EQ(all("agg_sum", "readonly").handling, Handling::kAllNodes);
  EXPECT_EQ(all("agg_sum", "readonly").merge, Merge::kSum);
  EXPECT_EQ(all("agg_min", "readonly").merge, Merge::kLeast);
  EXPECT_EQ(all("agg_logical_and", "readonly").merge, Merge::kEveryElementAnd);
  EXPECT_EQ(all("all_succeeded", "write").merge, Merge::kFirst);
  ExpectRefused(all("agg_max", "readonly"), "how to make one reply");
  ExpectRefused(all("special", "write"), "how to make one reply");
  EXPECT_EQ(RowOf({.tips = {"request_policy:all_nodes"}}).merge, Merge::kConcat);
  ExpectRefused(RowOf({.flags = {"write"}, .tips = {"request_policy:all_nodes"}}), "how to make one reply");
}

TEST(LearntRow, KeysOfSeveralNodesAreSplitWhereTheTipsSayHow) {
  const auto many = [](const std::vector<std::string>& tips, int step = 1) {
    return RowOf({.triple = {1, -1, step}, .tips = tips});
  };
  EXPECT_EQ(many({}).handling, Handling::kForward);
  EXPECT_EQ(many({"request_policy:multi_shard", "response_policy:agg_sum"}).merge, Merge::kSum);
  EXPECT_EQ(many({"request_policy:multi_shard", "response_policy:all_succeeded"}, 2).merge, Merge::kAllOk);
  const LearntRow in_order = many({"request_policy:multi_shard"});
  EXPECT_EQ(in_order.handling, Handling::kSplit);
  EXPECT_EQ(in_order.merge, Merge::kInKeyOrder);
  EXPECT_EQ(many({"request_policy:multi_shard"}, 2).handling, Handling::kForward);
  EXPECT_EQ(many({"request_policy:multi_shard", "response_policy:special"}).handling, Handling::kForward);
}

TEST(LearntRow, WritesUnlessItSaysThatItReads) {
  EXPECT_EQ(RowOf({.triple = {1, 1, 1}}).access, Access::kRead);
  EXPECT_EQ(RowOf({.flags = {"readonly", "write"}, .triple = {1, 1, 1}}).access, Access::kWrite);
  const LearntRow plain = RowOf({.flags = {"module", "fast", "Odd Flag", std::string(40, 'x')}, .triple = {1, 1, 1}});
  EXPECT_EQ(plain.access, Access::kWrite);
  EXPECT_EQ(plain.flags, "module fast");
  // No word of a node's opens the gate before a login.
  EXPECT_EQ(RowOf({.flags = {"readonly", "no_auth", "fast"}}).flags, "readonly fast");
  EXPECT_TRUE(RowOf({.triple = {1, 1, 1}, .categories = {"@scripting"}}).is_script);
}

TEST(LearntRow, NeverTakesANameOfTheTableNorOneThatIsNone) {
  for (const char* const name : {"get", "GET", "config", "eval", "", "my cmd", "my|cmd", "my\r\ncmd", "m\xc3\xb6"})
    EXPECT_THAT(*ReadLearntRows(List({Command({.name = name})})), IsEmpty()) << name;
  EXPECT_THAT(*ReadLearntRows(List({Command({.name = std::string(65, 'x')})})), IsEmpty());
  EXPECT_EQ(ReadLearntRows(List({Command({.name = std::string(64, 'x')})}))->size(), 1U);
  for (const int arity : {0, 1001, -1001}) EXPECT_THAT(*ReadLearntRows(List({Command({.arity = arity})})), IsEmpty());
}

TEST(LearntRow, AnAnswerIsBoundedAndMayBeNonsense) {
  for (const std::string_view reply : {"+OK\r\n", "-NOPERM x\r\n", "$-1\r\n", "*-1\r\n", ":1\r\n", "_\r\n"})
    EXPECT_FALSE(ReadLearntRows(reply)) << reply;
  EXPECT_THAT(*ReadLearntRows("*0\r\n"), IsEmpty());
  EXPECT_THAT(*ReadLearntRows("*3\r\n:1\r\n*0\r\n*1\r\n*-1\r\n"), IsEmpty());
  std::vector<std::string> many;
  for (int i = 0; i < 3000; ++i) many.push_back(Command({.name = "my." + std::to_string(i / 2)}));
  const auto rows = ReadLearntRows(List(many));
  ASSERT_TRUE(rows);
  EXPECT_LE(rows->size(), LearntRow::kMostRows);
  EXPECT_TRUE(std::ranges::is_sorted(*rows, std::ranges::less(), &LearntRow::name));
  EXPECT_EQ(std::ranges::adjacent_find(*rows, {}, &LearntRow::name), rows->end());
  EXPECT_FALSE(ReadLearntRows(List({Text(std::string(LearntRow::kMostAnswer, 'x'))})));
}

}  // namespace
}  // namespace ringproxy::wire
