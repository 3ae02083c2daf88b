#include "proxy/route/learnt_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using wire::LearntRow;

std::vector<LearntRow> Rows(const std::vector<std::string>& names, int arity = 2) {
  std::vector<LearntRow> rows;
  for (const std::string& name : names) rows.push_back({.name = name, .arity = arity});
  return rows;
}
std::vector<std::string> NamesOf(const std::vector<LearntRow>& rows) {
  std::vector<std::string> names;
  for (const LearntRow& row : rows) names.push_back(row.name);
  return names;
}

TEST(AgreedRows, AreThoseThatAllNodesTellAlike) {
  const auto a = Rows({"a", "b", "c"});
  const auto b = Rows({"b", "c", "d"});
  auto other = Rows({"a", "b", "c"});
  other[2].arity = 3;
  const std::vector<LearntRow> none;
  using Told = std::vector<const std::vector<LearntRow>*>;
  EXPECT_THAT(NamesOf(AgreedRows(Told{})), ElementsAre());
  EXPECT_THAT(NamesOf(AgreedRows(Told{&a})), ElementsAre("a", "b", "c"));
  EXPECT_THAT(NamesOf(AgreedRows(Told{&a, &b})), ElementsAre("b", "c"));
  EXPECT_THAT(NamesOf(AgreedRows(Told{&a, &b, &other})), ElementsAre("b"));
  EXPECT_THAT(NamesOf(AgreedRows(Told{&a, &none})), ElementsAre());
}

TEST(LearntCommands, AreFoundInAnyCase) {
  wire::CommandSpec a = {.name = "my.a", .arity = 1, .access = wire::Access::kRead};
  wire::CommandSpec b = {.name = "my.b", .arity = 1, .access = wire::Access::kRead};
  const LearntCommands commands({&a, &b});
  EXPECT_EQ(commands.Find("MY.b"), &b);
  EXPECT_EQ(commands.Find("my.a"), &a);
  for (const std::string& name : {std::string("my"), std::string("my.c"), std::string(), std::string(100'000, 'm')})
    EXPECT_EQ(commands.Find(name), nullptr);
}

TEST(LearntCommands, AListenerLearnsWhereAllItsPoolsDo) {
  conf::Config config;
  config.pools.resize(3);
  EXPECT_EQ(LearningPools(config), 0U);
  config.pools[0].learn = config.pools[1].learn = true;
  EXPECT_EQ(LearningPools(config), 2U);
  EXPECT_TRUE(Learns(config, std::vector<uint32_t>{0, 1}));
  EXPECT_FALSE(Learns(config, std::vector<uint32_t>{0, 2}));
  EXPECT_FALSE(Learns(config, {}));
}

TEST(LearntCommands, TheirClassesCannotBeAskedFor) {
  for (const wire::CommandSpec& row : RowsOfClasses()) {
    EXPECT_TRUE(IsRowOfClass(row));
    EXPECT_EQ(row.since.redis, wire::kNoRelease);
    wire::ArgumentSpan spans[2] = {};
    for (const size_t words : {1, 2}) {
      const wire::Request request("", std::span(spans).first(words));
      EXPECT_EQ(wire::CheckShape(row, request), wire::Shape::kWrongArity);
    }
  }
}

}  // namespace
}  // namespace ringproxy::proxy
