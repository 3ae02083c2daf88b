// conf/quote.h – Text of unknown origin, made fit to be shown in one line; and the nearest of a list of words.
//
// Purpose: error texts quote what an operator wrote, which may be binary, endless or several lines long.
// Threads: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ringproxy::conf {

// `text` itself when it is short and printable; else escaped, cut after some fifty bytes, and "" when empty.
std::string Quote(std::string_view text);

// `text` with its control characters escaped.
std::string Printable(std::string_view text);

// The word of `words` that needs the fewest typing mistakes (a letter more, less, other, or two swapped) to become
// `typed`; empty when none is near enough to be meant. Earlier words win ties.
std::string_view Nearest(std::string_view typed, std::span<const std::string_view> words);

// "a, b or c", with `last` as "or".
std::string JoinWords(std::span<const std::string_view> words, std::string_view last);

}  // namespace ringproxy::conf
