#include "proxy/route/configured_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/parse.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using test::TestRequest;
using testing::ElementsAre;
using testing::HasSubstr;

conf::Config WithCommands(const std::string& commands) {
  const auto config = conf::ParseConfig(
      "listeners: [{name: web, listen: '127.0.0.1:6380', pool: p}]\npools: {p: {nodes: ['127.0.0.1:7001']}}\n"
      "commands:\n" +
          commands,
      "test.yaml");
  EXPECT_TRUE(config.ok()) << conf::ToString(config.errors());
  return *config;
}

std::vector<std::string> KeysIn(const wire::CommandSpec& row, std::string_view line) {
  const TestRequest words(TestRequest::Split(line));
  const wire::Request request = words;
  wire::KeyPositions positions;
  EXPECT_EQ(wire::CheckShape(row, request), wire::Shape::kOk) << line;
  EXPECT_EQ(wire::FindKeys(row, request, &positions), wire::KeyResult::kOk) << line;
  std::vector<std::string> keys;
  for (const uint32_t position : positions) keys.emplace_back(request[position]);
  return keys;
}

TEST(ConfiguredCommands, AreRowsLikeAllOthers) {
  const conf::Config config = WithCommands(
      "  - {name: my.get, arity: 2, keys: {first: 1}, access: read}\n"
      "  - {name: my.mget, arity: -2, keys: {first: 1, last: -1}, access: read, handling: split, merge: in_key_order}\n"
      "  - {name: my.union, arity: -3, keys: {count_at: 1}, heavy: true}\n"
      "  - {name: my.flush, arity: 1, keys: none, access: admin, handling: all_nodes, merge: all_ok}\n"
      "  - {name: my.drop, arity: -1, handling: refuse}\n");
  const std::vector<wire::CommandSpec> rows = ConfiguredRows(config);
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_TRUE(wire::HasOneKey(rows[0]));
  EXPECT_EQ(rows[0].access, wire::Access::kRead);
  EXPECT_EQ(rows[0].retry, wire::Retry::kSafe);
  EXPECT_EQ(rows[0].flags, "readonly");
  EXPECT_THAT(KeysIn(rows[0], "my.get a"), ElementsAre("a"));
  EXPECT_EQ(rows[1].handling, wire::Handling::kSplit);
  EXPECT_EQ(rows[1].merge, wire::Merge::kInKeyOrder);
  EXPECT_THAT(KeysIn(rows[1], "my.mget a b"), ElementsAre("a", "b"));
  EXPECT_EQ(rows[2].weight, wire::Weight::kHeavy);
  EXPECT_EQ(rows[2].access, wire::Access::kWrite);
  EXPECT_THAT(KeysIn(rows[2], "my.union 2 a b c"), ElementsAre("a", "b"));
  EXPECT_EQ(rows[3].access, wire::Access::kAdmin);
  EXPECT_EQ(rows[3].merge, wire::Merge::kAllOk);
  EXPECT_EQ(rows[4].handling, wire::Handling::kRefused);
  EXPECT_FALSE(rows[4].why.empty());
}

TEST(ConfiguredCommands, ASplitOneWithOneKeyIsSentByItsPositions) {
  const conf::Config config =
      WithCommands("  - {name: my.del, arity: 2, keys: {first: 1}, handling: split, merge: sum}\n");
  EXPECT_EQ(ConfiguredRows(config)[0].keys.kind, wire::KeyKind::kRange);
}

TEST(ConfiguredCommands, StandAmongTheBuiltInOnesByTheirNames) {
  const conf::Config config = WithCommands(
      "  - {name: zzz, arity: 1, handling: any_node}\n"
      "  - {name: commandlogs, arity: 1, handling: any_node, heavy: true}\n");
  const std::vector<wire::CommandSpec> all = wire::WithConfiguredRows(ConfiguredRows(config));
  ASSERT_EQ(all.size(), wire::BuiltInRedisCommands().size() + 2);
  EXPECT_TRUE(std::ranges::is_sorted(all, wire::StandsBefore));
  size_t configured = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(wire::CommandIndex(all[i]), i);
    configured += all[i].is_configured ? 1 : 0;
  }
  EXPECT_EQ(configured, 2U);
  const auto found = std::ranges::find(all, "commandlogs", &wire::CommandSpec::name);
  EXPECT_EQ(found->usual.work, wire::Work::kHeavy);
  EXPECT_TRUE(wire::SubcommandsOf(*found).empty());
  EXPECT_EQ(wire::SubcommandsOf(*std::ranges::find(all, "command", &wire::CommandSpec::name)).size(),
            wire::SubcommandsOf(*wire::FindRedisCommand("command")).size());
}

TEST(ConfiguredCommands, HaveNoNameOfABuiltInOne) {
  const conf::Config config = WithCommands(
      "  - {name: my.cmd, arity: 1, handling: any_node}\n"
      "  - {name: get, arity: 1, handling: any_node}\n"
      "  - {name: json.get, arity: 1, handling: any_node}\n"
      "  - {name: heavy, arity: 1, handling: any_node}\n");
  EXPECT_THAT(
      TakenCommandNames(config),
      ElementsAre(HasSubstr("commands[1].name: get is a command that ringproxy knows by itself"),
                  HasSubstr("commands[2].name: json.get"), HasSubstr("commands[3].name: heavy means something else")));
}

}  // namespace
}  // namespace ringproxy::proxy
