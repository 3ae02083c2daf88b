#include "backends/wire/glob.h"

#include <algorithm>

#include "backends/wire/ascii.h"

namespace ringproxy::wire {
namespace {

char Fold(char c, Case letters) {
  return letters == Case::kIgnored ? ToLower(c) : c;
}

// The class that begins at pattern[*at] == '['. Moves *at behind it; an unclosed one ends with the pattern.
bool MatchesClass(std::string_view pattern, size_t* at, char c, Case letters) {
  size_t i = *at + 1;
  const bool negated = i < pattern.size() && pattern[i] == '^';
  if (negated) ++i;
  bool found = false;
  while (i < pattern.size() && pattern[i] != ']') {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    char low = Fold(pattern[i], letters);
    char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-') {
      high = Fold(pattern[i + 2], letters);
      // Redis takes [z-a] for [a-z].
      if (low > high) std::swap(low, high);
      i += 2;
    }
    found = found || (low <= c && c <= high);
    ++i;
  }
  *at = std::min(i + 1, pattern.size());
  return found != negated;
}

// Compares one element of the pattern, which is no `*`, with one character. Moves *at behind the element.
bool MatchesOne(std::string_view pattern, size_t* at, char c, Case letters) {
  if (pattern[*at] == '[') return MatchesClass(pattern, at, c, letters);
  if (pattern[*at] == '?') return ++*at, true;
  // At the pattern's end a backslash stands for itself, as in Redis.
  if (pattern[*at] == '\\' && *at + 1 < pattern.size()) ++*at;
  return Fold(pattern[(*at)++], letters) == c;
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text, Case letters) {
  size_t p = 0;
  size_t t = 0;
  // Where to go on when an attempt fails: behind the last `*`, which then takes one more character. Earlier stars need
  // no second look, which keeps this from being exponential.
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && MatchesOne(pattern, &p, Fold(text[t], letters), letters)) {
      ++t;
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    t = ++star_text;
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace ringproxy::wire
