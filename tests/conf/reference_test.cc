#include "conf/reference.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/conf/sample_config.h"
#include "tests/support/golden.h"

namespace ringproxy::conf {
namespace {

TEST(ReferencePage, IsTheOneOfTheRepository) {
  test::ExpectGolden("conf/reference.md", ReferencePage());
}

TEST(ReferencePage, HasARowForEveryOption) {
  const std::string page = ReferencePage();
  Config config = SampleConfig();
  WalkOptions(config, "", [&](const OptionFacts& row, const std::string& path, auto&) {
    EXPECT_NE(page.find("| `" + std::string(row.name) + "` | "), std::string::npos) << path;
    EXPECT_NE(page.find(row.doc.substr(0, row.doc.find('|'))), std::string::npos) << path;
  });
}

TEST(ReferencePage, EscapesTheBarsOfADescription) {
  EXPECT_NE(ReferencePage().find("as in get or config\\|get"), std::string::npos);
}

TEST(JsonSchema, RefusesUnknownKeysEverywhere) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  EXPECT_EQ(schema["additionalProperties"], false);
  const auto& listener = schema["properties"]["listeners"]["items"];
  EXPECT_EQ(listener["additionalProperties"], false);
  EXPECT_EQ(listener["required"], nlohmann::json({"name", "listen"}));
  const auto& pool = schema["properties"]["pools"]["additionalProperties"];
  EXPECT_EQ(pool["additionalProperties"], false);
  EXPECT_EQ(pool["required"], nlohmann::json::array({"nodes"}));
}

TEST(JsonSchema, SaysBoundsChoicesAndDefaults) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  const auto& pool = schema["properties"]["pools"]["additionalProperties"]["properties"];
  const auto& table_size = pool["ring"]["properties"]["table_size"];
  EXPECT_EQ(table_size["minimum"], 3);
  EXPECT_EQ(table_size["maximum"], 16'777'213);
  EXPECT_EQ(table_size["default"], 65537);
  EXPECT_EQ(pool["ring"]["properties"]["algorithm"]["enum"],
            nlohmann::json({"vnode", "ketama", "twemproxy", "maglev", "jump", "rendezvous", "modula", "slots"}));
  EXPECT_EQ(pool["timeouts"]["properties"]["request"]["default"], "1s");
  EXPECT_EQ(pool["nodes"]["items"]["oneOf"].size(), 2U);
  const auto& limit = schema["properties"]["limits"]["items"]["properties"];
  EXPECT_EQ(limit["per"]["oneOf"][0]["type"], "string");
  EXPECT_EQ(limit["per"]["oneOf"][1]["items"]["maxLength"], 1024);
  EXPECT_EQ(limit["per"]["default"], nlohmann::json::array());
  EXPECT_EQ(limit["rate"]["oneOf"][0]["const"], "none");
  EXPECT_EQ(schema["properties"]["workers"]["oneOf"][0]["const"], "auto");
}

}  // namespace
}  // namespace ringproxy::conf
