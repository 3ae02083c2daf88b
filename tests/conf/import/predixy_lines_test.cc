#include "conf/import/predixy_lines.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

std::string ShownLines(const TreeValue& value) {
  std::string shown = value.key + "=" + value.text;
  if (value.kind != TreeKind::kMap) return shown;
  shown += "{";
  for (const TreeValue& part : value.values) shown += ShownLines(part) + ";";
  return shown + "}";
}

// The tree, or what is wrong with the lines.
std::string LinesOf(const std::string& text) {
  Draft draft("f", "predixy");
  const TreeValue root = ReadPredixyLines(text, "f", draft);
  // Nothing but its own mistakes: an empty draft breaks rules.
  const Result<std::string> finished = draft.Finish();
  const std::string errors = ToString(finished.errors());
  return errors.starts_with("f: ") ? ShownLines(root) : errors;
}

TEST(PredixyLines, AreKeysValuesAndScopes) {
  EXPECT_EQ(LinesOf("# c\n\nA b c # d\r\n B {\n C 1\n C 2\n}\nD x {\n}\n"), "={A=b c;B={C=1;C=2;};D=x{};}");
  EXPECT_EQ(LinesOf("A \"b \\\"#\\\" c\" # d\nB \"x y\" {\n}"), "={A=b \"#\" c;B=x y{};}");
  EXPECT_EQ(LinesOf("A"), "={A=;}");
}

TEST(PredixyLines, SayWhichLineIsWrong) {
  EXPECT_EQ(LinesOf("}\n"), "f:1:1: }: closes nothing\n");
  EXPECT_EQ(LinesOf("A {\nB {\n}\n"), "f:1:1: A: its { is never closed\n");
  EXPECT_EQ(LinesOf("A\nB \"c\n"), "f:2:1: B: the quotes of its value do not end\n");
  EXPECT_EQ(LinesOf("A \"b\" c\n"), "f:1:1: A: something follows its value\n");
  EXPECT_EQ(LinesOf("Include f_that_is_not_there\n"),
            "f:1:1: Include: f_that_is_not_there cannot be read: No such file or directory\n");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "A {\n";
  EXPECT_EQ(LinesOf(deep), "f:16:1: A: nested too deeply\n");
}

TEST(PredixyLines, AreToldFromOtherFiles) {
  EXPECT_TRUE(LooksLikePredixy("# x\nbind 0.0.0.0:1\n"));
  EXPECT_TRUE(LooksLikePredixy("X y\n  ClusterServerPool {\n"));
  EXPECT_FALSE(LooksLikePredixy("Bind: 1\n"));
  EXPECT_FALSE(LooksLikePredixy("# Include x\nincluded: y\n"));
}

}  // namespace
}  // namespace ringproxy::conf
