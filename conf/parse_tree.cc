#include "conf/parse_tree.h"

#include <algorithm>
#include <map>

#include "conf/parse.h"
#include "conf/parse_yaml.h"
#include "conf/quote.h"

namespace ringproxy::conf {

namespace {

class TreeReader {
 public:
  explicit TreeReader(Source& source) : source_(source) {}

  // What cannot be read becomes empty, and the reading goes on.
  TreeValue Read(const YAML::Node& node) {
    TreeValue tree;
    tree.place = PlaceOf(node.Mark());
    // The bound is told once, however many values are still to come.
    if (++values_ == kMostTreeValues) {
      source_.Fail("", tree.place, "more than " + std::to_string(kMostTreeValues) + " values");
    }
    if (values_ >= kMostTreeValues) return tree;
    if (node.IsScalar()) {
      tree.kind = TreeKind::kText;
      tree.text = node.Scalar();
    } else if (node.IsSequence()) {
      tree.kind = TreeKind::kList;
      for (const YAML::Node& element : node) tree.values.push_back(Read(element));
    } else if (node.IsMap()) {
      ReadMap(node, tree);
    }
    return tree;
  }

 private:
  void ReadMap(const YAML::Node& node, TreeValue& tree) {
    tree.kind = TreeKind::kMap;
    std::map<std::string, int> seen;  // Key → its line.
    for (const auto& entry : node) {
      const Place place = PlaceOf(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        source_.Fail("", place, "a key has to be a single value, this is " + std::string(WhatItIs(entry.first)));
        continue;
      }
      const std::string& key = entry.first.Scalar();
      const auto [first, is_new] = seen.emplace(key, place.line);
      if (!is_new) {
        source_.Fail(PathPart(key), place, "is given twice, first in line " + std::to_string(first->second));
        continue;
      }
      TreeValue& value = tree.values.emplace_back(Read(entry.second));
      value.key = key;
      value.place = place;
    }
  }

  Source& source_;
  size_t values_ = 0;
};

}  // namespace

const TreeValue* TreeValue::Find(std::string_view wanted) const {
  if (kind != TreeKind::kMap) return nullptr;
  const auto found = std::ranges::find(values, wanted, &TreeValue::key);
  return found == values.end() ? nullptr : &*found;
}

Result<TreeValue> ParseTree(std::string_view text, const std::string& file) {
  Source source(file);
  if (text.size() > kMostConfigBytes) {
    source.Fail("", Place{}, "is longer than a configuration may be, " + std::to_string(kMostConfigBytes) + " bytes");
    return source.TakeErrors();
  }
  const std::optional<YAML::Node> root = LoadYaml(std::string(text), source);
  if (!root) return source.TakeErrors();
  TreeValue tree;
  try {
    tree = TreeReader(source).Read(*root);
  } catch (const YAML::Exception& error) {
    source.Fail("", PlaceOf(error.mark), "YAML: " + Printable(error.msg));
  }
  if (source.has_errors()) return source.TakeErrors();
  return tree;
}

}  // namespace ringproxy::conf
