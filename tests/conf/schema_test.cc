#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "conf/reference.h"

namespace ringproxy::conf {
namespace {

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
            nlohmann::json({"vnode", "ketama", "ketama_unweighted", "twemproxy", "maglev", "jump", "rendezvous",
                            "modula", "slots"}));
  EXPECT_EQ(pool["timeouts"]["properties"]["request"]["default"], "1s");
  EXPECT_EQ(pool["nodes"]["items"]["oneOf"].size(), 2U);
  EXPECT_EQ(pool["groups"]["items"]["oneOf"][0]["enum"],
            nlohmann::json({"none", "bullmq", "bull", "bee_queue", "laravel", "sidekiq", "rq", "celery"}));
  const auto& limit = schema["properties"]["limits"]["items"]["properties"];
  EXPECT_EQ(limit["per"]["oneOf"][0]["type"], "string");
  EXPECT_EQ(limit["per"]["oneOf"][1]["items"]["maxLength"], 1024);
  EXPECT_EQ(limit["per"]["default"], nlohmann::json::array());
  EXPECT_EQ(limit["rate"]["oneOf"][0]["const"], "none");
  EXPECT_EQ(schema["properties"]["workers"]["oneOf"][0]["const"], "auto");
}

TEST(JsonSchema, SaysOfEveryOptionWhatItIsFor) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  EXPECT_EQ(schema["$schema"], "http://json-schema.org/draft-07/schema#");
  size_t options = 0;
  const std::function<void(const nlohmann::json&)> visit = [&](const nlohmann::json& section) {
    for (const auto& [name, option] : section["properties"].items()) {
      ++options;
      EXPECT_TRUE(option.value("description", "").ends_with('.')) << name;
      if (option.contains("properties")) visit(option);
      if (option.contains("items") && option["items"].contains("properties")) visit(option["items"]);
      if (option.contains("additionalProperties") && option["additionalProperties"].is_object()) {
        visit(option["additionalProperties"]);
      }
    }
  };
  visit(schema);
  EXPECT_GT(options, 80U);
}

TEST(JsonSchema, TellsTheFormOfEachKindOfText) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  const auto& pool = schema["properties"]["pools"]["additionalProperties"]["properties"];
  const auto& request = pool["timeouts"]["properties"]["request"];
  EXPECT_EQ(request["pattern"], "^([0-9]+(us|ms|s|m|h)|0)$");
  EXPECT_NE(request["description"].get<std::string>().find(" From 1ms to "), std::string::npos);
  EXPECT_EQ(pool["nodes"]["items"]["oneOf"][0]["pattern"], "^(unix:.+|.+:[0-9]+)$");
  EXPECT_EQ(schema["properties"]["admin"]["properties"]["listen"]["pattern"], "^.+:[0-9]+$");
  EXPECT_EQ(schema["properties"]["pools"]["propertyNames"]["maxLength"], 128);
  EXPECT_EQ(schema["properties"]["memory_limit"]["oneOf"][2]["pattern"], "^[0-9]+(B|KiB|MiB|GiB|TiB)?$");
  const auto& on_down = pool["on_down"]["oneOf"];
  EXPECT_EQ(on_down[0]["enum"], nlohmann::json({"error", "rehash"}));
  EXPECT_EQ(on_down[1]["required"], nlohmann::json::array({"gutter"}));
}

TEST(JsonSchema, TellsTheFormsOfACommandsKeys) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  const auto& command = schema["properties"]["commands"]["items"];
  EXPECT_EQ(command["required"], nlohmann::json::array({"name", "arity"}));
  EXPECT_EQ(command["properties"]["arity"]["minimum"], -1048576);
  const auto& keys = command["properties"]["keys"]["oneOf"];
  EXPECT_EQ(keys[0]["const"], "none");
  EXPECT_EQ(keys[1]["properties"]["last"]["minimum"], -127);
  EXPECT_EQ(keys[1]["properties"]["last"]["default"], 0);
}

TEST(JsonSchema, WantsAPoolOrRoutesOfAListener) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  const auto& listener = schema["properties"]["listeners"]["items"];
  EXPECT_EQ(listener["oneOf"][0]["required"], nlohmann::json::array({"pool"}));
  EXPECT_EQ(listener["oneOf"][1]["required"], nlohmann::json::array({"routes"}));
}

}  // namespace
}  // namespace ringproxy::conf
