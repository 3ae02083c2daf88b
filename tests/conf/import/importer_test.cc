#include "conf/import/importer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "conf/parse.h"
#include "conf/print.h"
#include "tests/support/golden.h"

namespace ringproxy::conf {
namespace {

const std::filesystem::path kImportFolder = "tests/golden/import";

// The files that other programs would read, each with what is made of it beside it.
std::vector<std::string> ImportedFiles() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test::SourceRoot() / kImportFolder)) {
    const std::string name = entry.path().filename();
    const bool is_result = name.ends_with(".errors") || name.ends_with(".ringproxy.yaml");
    if (entry.is_regular_file() && !is_result) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

// Files are named relative to their folder, so that the results name no machine's paths.
class Importer : public testing::Test {
 protected:
  Importer() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(test::SourceRoot() / kImportFolder);
  }
  ~Importer() override { std::filesystem::current_path(before_); }

 private:
  std::filesystem::path before_;
};

TEST_F(Importer, MakesOfEachFileAConfigurationThatCanBeReadOrSaysWhatIsWrong) {
  int good = 0, bad = 0;
  for (const std::string& name : ImportedFiles()) {
    const Result<std::string> text = ImportFile(name, std::nullopt);
    const std::string errors = text ? "" : ToString(text.errors());
    test::ExpectGolden(kImportFolder / (name + (text ? ".ringproxy.yaml" : ".errors")), text ? *text : errors);
    if (!text) {
      ++bad;
      continue;
    }
    ++good;
    const Result<Config> config = ParseConfig(*text, name);
    EXPECT_TRUE(config) << name << "\n" << (config ? "" : ToString(config.errors()));
    for (const char* secret : {"sesam", "hunter2"}) {
      EXPECT_EQ(text->find(secret), std::string::npos) << name;
    }
  }
  EXPECT_GE(good, 9);
  EXPECT_GE(bad, 8);
}

TEST_F(Importer, NeitherThrowsNorEndsWithACutOrBrokenFile) {
  std::minstd_rand random(7);
  for (const std::string& name : ImportedFiles()) {
    const std::string whole = test::ReadFile(name);
    for (int i = 0; i < 300; ++i) {
      std::string text = whole.substr(0, random() % (whole.size() + 1));
      for (int change = 0; change < i % 4 && !text.empty(); ++change) {
        text[random() % text.size()] = static_cast<char>(random() % 256);
      }
      const Result<std::string> imported = ImportText(text, name, std::nullopt);
      if (!imported) {
        EXPECT_FALSE(imported.errors().empty());
      } else {
        const Result<Config> config = ParseConfig(*imported, name);
        EXPECT_TRUE(config) << text << "\n" << *imported << (config ? "" : ToString(config.errors()));
      }
    }
  }
}

TEST_F(Importer, IsToldTheFormatOrFindsIt) {
  const std::string nutcracker = "p: {listen: 'a:1', servers: ['b:1:1']}\n";
  EXPECT_TRUE(ImportText(nutcracker, "f", std::nullopt));
  EXPECT_TRUE(ImportText(nutcracker, "f", ImportFormat::kNutcracker));
  EXPECT_EQ(ToString(ImportText(nutcracker, "f", ImportFormat::kMcrouter).errors()), "f:1:1: lacks route or routes\n");
  for (const ImportFormat format : {ImportFormat::kEnvoy, ImportFormat::kPredixy}) {
    EXPECT_FALSE(ImportText(nutcracker, "f", format));
  }
  EXPECT_NE(ToString(ImportText("a: b\n", "f", std::nullopt).errors()).find("--import-format"), std::string::npos);
}

// Of what the bounds refuse only as much is looked at as it takes to say so.
TEST_F(Importer, EndsEarlyWithAFileOfFarTooMuch) {
  std::string pools, servers, routes;
  for (int i = 0; i < 30'000; ++i) {
    const std::string number = std::to_string(i);
    pools += "\"p\\t" + std::string(i % 7, ' ') + number + "\": {listen: 'a:1', servers: ['b:1:1']}\n";
    servers += "\"a:" + std::to_string(i % 60000 + 1) + "\",";
    routes += "\"" + number + "\": \"PoolRoute|A\",";
  }
  EXPECT_NE(ToString(ImportText(pools, "f", std::nullopt).errors()).find("more than 1000 pools"), std::string::npos);
  const std::string many_servers = "{\"pools\": {\"A\": {\"servers\": [" + servers + "]}}, \"route\": \"PoolRoute|A\"}";
  EXPECT_EQ(ToString(ImportText(many_servers, "f", std::nullopt).errors()),
            "f:1:18: pools.A.nodes: has 10001 entries, the most is 10000\n");
  const std::string many_routes =
      "{\"pools\": {\"A\": {\"servers\": [\"a:1\"]}}, \"route\": {\"type\": \"PrefixSelectorRoute\", "
      "\"policies\": {" +
      routes + "}, \"wildcard\": \"PoolRoute|A\"}}";
  EXPECT_NE(ToString(ImportText(many_routes, "f", std::nullopt).errors()).find("listeners[0].routes: has 100"),
            std::string::npos);
}

TEST(WithoutJsonComments, LeavesTextsAndLines) {
  EXPECT_EQ(WithoutJsonComments("{\"a//b\": \"/*\\\"//\", // c\n1}/* d\n */ "),
            "{\"a//b\": \"/*\\\"//\",     \n1}    \n    ");
  EXPECT_EQ(WithoutJsonComments("/* never"), "        ");
  EXPECT_EQ(WithoutJsonComments("\"\\"), "\"\\");
}

TEST_F(Importer, RefusesWhatIsNoFileOrTooLong) {
  EXPECT_EQ(ToString(ImportFile("nothing.yml", std::nullopt).errors()),
            "nothing.yml: cannot be read: No such file or directory\n");
  const std::string endless(kMostConfigBytes + 1, '#');
  EXPECT_EQ(ToString(ImportText(endless, "a", std::nullopt).errors()),
            "a: is longer than a configuration may be, 4194304 bytes\n");
}

}  // namespace
}  // namespace ringproxy::conf
