#include "tools/ringskew/render.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/golden.h"
#include "tools/ringskew/analysis.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

void AddNames(const nlohmann::json& json, std::set<std::string>& names) {
  for (const auto& [name, value] : json.items()) {
    if (json.is_object()) names.insert(name);
    if (value.is_structured()) AddNames(value, names);
  }
}

TEST(Render, WritesTheJsonThatItsPageDescribes) {
  AnalysisOptions options;
  options.sweep = {16};
  options.change = Change{.add = {"n4"}, .remove = {}, .weight = {}, .algorithm = {}, .virtual_nodes = {}};
  const conf::Pool pool = *PoolOfNodes("n1,n2,n3");
  Analysis analysis(pool, options);
  for (int i = 0; i < 1000; ++i) analysis.Add({"k:" + std::to_string(i), i == 0 ? 5000.0 : 1.0, 0, 0});
  std::set<std::string> written;
  AddNames(nlohmann::json::parse(RenderJson(analysis.Finish("all", false))), written);
  // The page's names stand in backquotes, the first thing of a line of a table.
  std::set<std::string> described;
  std::istringstream page(test::ReadFile(test::SourceRoot() / "tools/ringskew/report_json.md"));
  for (std::string line; std::getline(page, line);) {
    for (size_t at = line.find('`'); line.starts_with("| `") && at < line.find(" | "); at = line.find('`', at + 1)) {
      const size_t end = line.find('`', at + 1);
      described.insert(line.substr(at + 1, end - at - 1));
      at = end;
    }
  }
  EXPECT_EQ(written, described);
}

TEST(Render, EscapesWhatKeysMayHold) {
  const conf::Pool pool = *PoolOfNodes("a,b");
  Analysis analysis(pool, {});
  for (int i = 0; i < 1000; ++i) analysis.Add({"k" + std::to_string(i), 1, 0});
  analysis.Add({"<script>alert(1)</script>\xff", 5000, 0});
  const Report report = analysis.Finish("bad \"file\"", true);
  const std::string html = RenderHtml(report);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);  // Nothing is fetched.
  EXPECT_NE(html.find("Partial"), std::string::npos);
  EXPECT_NE(RenderJson(report).find("\"version\": 1"), std::string::npos);
  EXPECT_NE(RenderTable(report, false).find("PARTIAL"), std::string::npos);
  EXPECT_EQ(RenderTable(report, false).find('\x1b'), std::string::npos);
  EXPECT_TRUE(RenderCsv(report).starts_with(
      "node,weight,keys,requests,bytes,share,fair_share,ratio,ring_share,distinct_keys,misplaced\na,1,"));
}

TEST(Render, ShowsNothingThatATerminalObeysAndIsUtf8) {
  Analysis analysis(*PoolOfNodes("a\x1b[2J,b"), {});
  for (int i = 0; i < 1000; ++i) analysis.Add({"k" + std::to_string(i), 1, 0});
  analysis.Add({"\x1b]0;owned\x07\xff\xc2\x9b", 5000, 0});
  const Report report = analysis.Finish("file\x1b[2J", false);
  for (const std::string& text :
       {RenderTable(report, false), RenderHtml(report), RenderCsv(report), RenderJson(report)}) {
    EXPECT_EQ(ShownLines(text), text);
  }
  EXPECT_NE(RenderTable(report, false).find("\\x1b]0;owned\\x07\\xff\\xc2\\x9b"), std::string::npos);
}

TEST(Render, WritesCsvThatSpreadsheetsRead) {
  Analysis analysis(*PoolOfNodes("a\"x,b"), {});
  analysis.Add({"k", 1.5e300, 0});
  analysis.Add({"l", 0.25, 0});
  const std::string csv = RenderCsv(analysis.Finish("file", false));
  EXPECT_NE(csv.find("\n\"a\"\"x\",1,"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",1.500e+300,"), std::string::npos) << csv;
}

}  // namespace
}  // namespace ringproxy::ringskew
