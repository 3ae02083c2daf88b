// conf/source.h – Where each value of a configuration was written, and every mistake found in it so far.
//
// Purpose: the parser notes the places, then it and conf/validate report by path; one mistake never hides another.
// Lifetime: one per parsed text, gone once the Config or the Errors are handed out.
// Threads: one.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "conf/result.h"

namespace ringproxy::conf {

struct Place {
  int line = 0;  // From 1; 0 = unknown.
  int column = 0;
};

// `key` as a part of a path: quoted when it could be taken for several parts, escaped and cut when it cannot be shown.
std::string PathPart(std::string_view key);

class Source {
 public:
  // Aliases can repeat a mistake without end. This many are more than anybody reads; what comes behind is not kept.
  static constexpr size_t kMostErrors = 10'000;

  // `file` is the name that errors show; empty for a configuration that came from no file.
  explicit Source(std::string file) : file_(std::move(file)) {}

  // The value of `path` begins at `place`.
  void Note(const std::string& path, Place place) { places_.insert_or_assign(path, place); }
  // Whether the file has a value for `path`.
  bool Has(const std::string& path) const { return places_.contains(path); }

  // Records a mistake at a place of its own (a key, say).
  void Fail(const std::string& path, Place place, std::string message);
  // Records a mistake at the place of `path` or, if the file does not mention it, of the nearest path above it.
  void Fail(const std::string& path, std::string message);
  // Nothing was found wrong with these paths yet. A rule about a value that could not be read would only confuse.
  bool Sound(std::initializer_list<std::string_view> paths) const;

  // All mistakes, in the order of the file. Leaves none behind.
  Errors TakeErrors();
  bool has_errors() const { return !errors_.empty(); }
  // Nothing more is worth looking for.
  bool is_full() const { return errors_.size() >= kMostErrors; }

 private:
  std::string file_;
  std::unordered_map<std::string, Place> places_;
  std::unordered_set<std::string> failed_;
  Errors errors_;
};

}  // namespace ringproxy::conf
