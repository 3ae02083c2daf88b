#include "conf/result.h"

namespace ringproxy::conf {

namespace {

// A file of another kind can be wrong in every line; nobody reads more than this.
constexpr size_t kMostErrorsShown = 100;

}  // namespace

std::string Error::ToString() const {
  std::string text;
  if (!file.empty()) text += file + ":";
  if (line > 0) text += std::to_string(line) + ":" + std::to_string(column) + ":";
  if (!text.empty()) text += " ";
  if (!path.empty()) text += path + ": ";
  return text + message;
}

std::string ToString(const Errors& errors) {
  std::string text;
  for (size_t i = 0; i < errors.size() && i < kMostErrorsShown; ++i) text += errors[i].ToString() + "\n";
  if (errors.size() > kMostErrorsShown) {
    text += "and " + std::to_string(errors.size() - kMostErrorsShown) + " more\n";
  }
  return text;
}

}  // namespace ringproxy::conf
