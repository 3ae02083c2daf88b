// backends/wire/memcache_line.h – One command line of a memcached client as words.
//
// Purpose: splits a line at its spaces, which may be many, and knows where each word lies in the bytes received.
// Threads, lifetime: one owner's; what it gives out are views into the last line it was given.
// Promise: the work is linear in the line; a warm one does not allocate for a small line.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "backends/wire/request.h"

namespace ringproxy::wire {

class MemcacheLine {
 public:
  // `line`: without its end. False when there is no word.
  bool Split(std::string_view line) {
    if (words_.capacity() > kKeptWords) std::vector<ArgumentSpan>().swap(words_);
    words_.clear();
    indent_ = std::min(line.find_first_not_of(' '), line.size());
    text_ = line.substr(indent_);
    for (size_t start = 0; start < text_.size();) {
      const size_t end = std::min(text_.find(' ', start), text_.size());
      if (end > start) words_.push_back({static_cast<uint32_t>(start), static_cast<uint32_t>(end - start)});
      start = end + 1;
    }
    return !words_.empty();
  }

  // From its first word on.
  std::string_view text() const { return text_; }
  // Spaces before text().
  size_t indent() const { return indent_; }
  // By their places in text().
  const std::vector<ArgumentSpan>& words() const { return words_; }
  size_t size() const { return words_.size(); }
  std::string_view operator[](size_t i) const { return text_.substr(words_[i].offset, words_[i].size); }
  size_t SizeOf(size_t i) const { return words_[i].size; }
  // Where a word lies in the line that was split.
  ArgumentSpan PlaceOf(size_t i) const { return {words_[i].offset + static_cast<uint32_t>(indent_), words_[i].size}; }
  // Forgets the last word. Requires: there is one.
  void DropLast() { words_.pop_back(); }

 private:
  // So many words of a large multi-get may stay in memory after it.
  static constexpr size_t kKeptWords = 4096;

  std::vector<ArgumentSpan> words_;
  std::string_view text_;
  size_t indent_ = 0;
};

}  // namespace ringproxy::wire
