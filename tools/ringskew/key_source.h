// tools/ringskew/key_source.h – Keys from a file, from standard input or made up, one after another in constant memory.
//
// Files: one key a line; or key, TAB, weight, and TAB, bytes; or a log, of which a column is named: CSV as RFC 4180 has
// it, with commas, semicolons or TABs, or words between spaces, where a quote is a byte like others. A log whose
// columns are named has equally many fields on every line. Synthetic: COUNT:uniform and COUNT:zipf:S, the i-th key of
// weight i^-S. Threads: one. Memory: a few MiB, however long a line is (records.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ringproxy::ringskew {

// Of a key that came from no node.
inline constexpr uint32_t kNoHolder = UINT32_MAX;

struct KeySample {
  std::string_view key;
  double requests = 1;
  double bytes = 0;
  uint32_t holder = kNoHolder;  // The pool's node that it was read from.
};

struct KeyFormat {
  std::string column;         // A number from 1 or a name of the first line; empty: the whole line, or up to a TAB.
  std::string weight_column;  // Likewise; empty: none.
  std::string bytes_column;
  std::optional<char> delimiter = {};  // Without it the first line tells.
  bool quotes = true;                  // A field may stand in quotes, where the delimiter is not a space.
};

using KeyVisitor = std::function<void(const KeySample&)>;
// Called now and then with the bytes that were read so far.
using Progress = std::function<void(uint64_t bytes)>;

struct KeySource {
  std::string what;  // A file's name, "-", or a synthetic set.
  KeyFormat format;
};

// Visits every key. Returns what is wrong with the input, in one line, or nothing.
std::optional<std::string> ForEachKey(const KeySource& source, const KeyVisitor& visit, const Progress& progress);

// The next piece of a text, which may lie where the last one lay; empty at the end.
using PieceSource = std::function<std::string_view()>;

// The same of a text that comes in pieces; `source` says its name and its format.
std::optional<std::string> ForEachKeyOf(const PieceSource& pieces, const KeySource& source, const KeyVisitor& visit);

}  // namespace ringproxy::ringskew
