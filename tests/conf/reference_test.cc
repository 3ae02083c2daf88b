#include "conf/reference.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ringproxy::conf
