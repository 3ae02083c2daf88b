#include "conf/parse_tree.h"

#include <gtest/gtest.h>

#include "conf/parse.h"

namespace ringproxy::conf {
namespace {

// {a=1,b=[x,~]} with the line of each key.
std::string Shown(const TreeValue& value) {
  if (value.kind == TreeKind::kEmpty) return "~";
  if (value.kind == TreeKind::kText) return value.text;
  const bool is_map = value.kind == TreeKind::kMap;
  std::string shown;
  for (const TreeValue& part : value.values) {
    shown += shown.empty() ? "" : ",";
    if (is_map) shown += part.key + "@" + std::to_string(part.place.line) + "=";
    shown += Shown(part);
  }
  return (is_map ? "{" : "[") + shown + (is_map ? "}" : "]");
}

std::string Tree(std::string_view text) {
  const Result<TreeValue> tree = ParseTree(text, "f");
  return tree ? Shown(*tree) : ToString(tree.errors());
}

TEST(ParseTree, KeepsKindsOrderAndLines) {
  EXPECT_EQ(Tree("b: [x, ~, '']\na:\n  c: {d: 1}\n"), "{b@1=[x,~,],a@2={c@3={d@3=1}}}");
  EXPECT_EQ(Tree("{\"a\":\"x:y\",\n\t\"b\":[1,2,],}"), "{a@1=x:y,b@2=[1,2]}");
  EXPECT_EQ(Tree(""), "~");
}

TEST(ParseTree, FindsTheFirstValueOfAKey) {
  const TreeValue tree = *ParseTree("{a: 1, b: 2}", "f");
  ASSERT_NE(tree.Find("b"), nullptr);
  EXPECT_EQ(tree.Find("b")->text, "2");
  EXPECT_EQ(tree.Find("c"), nullptr);
  EXPECT_EQ(tree.Find("b")->Find("c"), nullptr);
}

TEST(ParseTree, SaysWhatIsWrongWithItsPlace) {
  EXPECT_EQ(Tree("a: 1\nb: 2\na: 3\n"), "f:3:1: a: is given twice, first in line 1\n");
  EXPECT_EQ(Tree("[a]: 1\n"), "f:1:1: a key has to be a single value, this is a list\n");
  EXPECT_EQ(Tree("a: [\n").substr(0, 2), "f:");
  EXPECT_NE(Tree(std::string(5000, '[')).find("nested too deeply"), std::string::npos);
}

TEST(ParseTree, IsBoundedHoweverManyValuesAliasesMake) {
  std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) text += (k > 0 ? ",*a" : "*a") + std::to_string(i - 1);
    text += "]\n";
  }
  EXPECT_NE(Tree(text).find("more than 200000 values"), std::string::npos);
}

}  // namespace
}  // namespace ringproxy::conf
