// conf/parse_tree.h – YAML or JSON of any program as a plain tree that knows where each of its parts stood.
//
// Purpose: what conf/import reads, which has other names than ours and may hold anything.
// Promises: never throws; a text above kMostConfigBytes, one that is nested beyond reason and one whose aliases make
// more than kMostTreeValues are refused; a key that a map has twice is an error.
// Threads: plain values, functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/result.h"
#include "conf/source.h"

namespace ringproxy::conf {

inline constexpr size_t kMostTreeValues = 200'000;

enum class TreeKind : uint8_t { kEmpty, kText, kList, kMap };

struct TreeValue {
  TreeKind kind = TreeKind::kEmpty;
  std::string key;                     // In a map.
  std::string text;                    // Of kText.
  Place place;                         // Of the key where it has one, else of the value.
  std::string file = {};               // Where not all parts of a tree stand in one file.
  std::vector<TreeValue> values = {};  // Of kList and kMap, in the order of the file.

  // The first value of a map that has this key; null if there is none.
  const TreeValue* Find(std::string_view wanted) const;
};

// JSON is read as the YAML that it is; `file` is the name that errors show.
Result<TreeValue> ParseTree(std::string_view text, const std::string& file);

}  // namespace ringproxy::conf
