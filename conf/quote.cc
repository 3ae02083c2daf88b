#include "conf/quote.h"

#include <algorithm>
#include <vector>

namespace ringproxy::conf {

namespace {

constexpr size_t kMostBytesShown = 50;
// No known word is nearly as long; the distance takes time in proportion to it.
constexpr size_t kLongestTyped = 64;

// Bytes above 0x7f are let through: they are UTF-8, since the parser makes no other text.
bool IsPlain(unsigned char byte) {
  return byte >= 0x20 && byte != 0x7f;
}

// Cuts before the byte that would be the `most`-th, but never inside a UTF-8 sequence.
std::string_view Cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

// Optimal string alignment distance, three rows of the matrix at a time.
size_t Distance(std::string_view a, std::string_view b) {
  // A swap of two letters looks back by two rows.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string printable;
  for (const char c : text) {
    const unsigned char byte = c;
    if (IsPlain(byte)) {
      printable += c;
    } else {
      printable += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return printable;
}

std::string Quote(std::string_view text) {
  const std::string_view shown = Cut(text, kMostBytesShown);
  const std::string printable = Printable(shown);
  // A blank at either end cannot be seen without quotes.
  const bool as_it_is = printable == text && !text.empty() && text.front() != ' ' && text.back() != ' ';
  if (as_it_is) return printable;
  return '"' + printable + (shown.size() < text.size() ? "...\"" : "\"");
}

std::string_view Nearest(std::string_view typed, std::span<const std::string_view> words) {
  if (typed.size() > kLongestTyped) return {};
  std::string_view nearest;
  size_t least = (typed.size() + 2) / 3 + 1;  // Beyond a third of the letters it is another word.
  for (const std::string_view word : words) {
    const size_t distance = Distance(typed, word);
    // With as many mistakes as letters nothing of the word is left, which a short one would pass for.
    if (distance >= least || distance >= word.size()) continue;
    least = distance;
    nearest = word;
  }
  return nearest;
}

std::string JoinWords(std::span<const std::string_view> words, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace ringproxy::conf
