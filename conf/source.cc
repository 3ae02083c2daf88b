#include "conf/source.h"

#include <algorithm>
#include <tuple>

#include "conf/quote.h"

namespace ringproxy::conf {

namespace {

constexpr size_t kLongestPart = 128;  // As a name.

// pools.a.nodes[1].name → pools.a.nodes[1] → pools.a.nodes → pools.a → pools → ""
std::string Above(const std::string& path) {
  const size_t end = path.find_last_of(".[");
  return end == std::string::npos ? "" : path.substr(0, end);
}

}  // namespace

std::string PathPart(std::string_view key) {
  const bool shown_whole = key.size() <= kLongestPart;
  const std::string part = Printable(key.substr(0, kLongestPart)) + (shown_whole ? "" : "...");
  const bool one_part = part == key && !key.empty() && key.find_first_of(".[ \"") == std::string_view::npos;
  return one_part ? part : '"' + part + '"';
}

void Source::Fail(const std::string& path, Place place, std::string message) {
  if (is_full()) return;
  // Nothing above the path fails with it: one wrong option leaves the others of its section to be judged.
  failed_.insert(path);
  errors_.push_back({file_, place.line, place.column, path, std::move(message)});
}

void Source::Fail(const std::string& path, std::string message) {
  std::string known = path;
  while (!known.empty() && !places_.contains(known)) known = Above(known);
  const auto place = places_.find(known);
  Fail(path, place == places_.end() ? Place{} : place->second, std::move(message));
}

bool Source::Sound(std::initializer_list<std::string_view> paths) const {
  return std::none_of(paths.begin(), paths.end(),
                      [this](std::string_view path) { return failed_.contains(std::string(path)); });
}

Errors Source::TakeErrors() {
  // The parser and each rule report in their own order, and an operator reads the file from top to bottom.
  std::stable_sort(errors_.begin(), errors_.end(), [](const Error& a, const Error& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return std::exchange(errors_, {});
}

}  // namespace ringproxy::conf
