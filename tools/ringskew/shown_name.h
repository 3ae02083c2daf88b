// tools/ringskew/shown_name.h – Keys, and whatever else others wrote, made fit for a terminal, a log and a page.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringproxy::ringskew {

// Valid UTF-8 that shows what it is: bytes that are no UTF-8, control characters (a terminal obeys those of C0 and of
// C1) and characters that turn the direction of writing or end a line stand as \x1b, a byte each. Text beyond `most`
// bytes is cut off, and "…" says so.
std::string ShownName(std::string_view text, size_t most = std::string_view::npos);

// Line by line: line ends stay.
std::string ShownLines(std::string_view text);

}  // namespace ringproxy::ringskew
