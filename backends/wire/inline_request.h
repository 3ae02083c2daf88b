// backends/wire/inline_request.h – Turns an inline command line into the request it stands for.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/request.h"

namespace ringproxy::wire {

// Splits `line` (without its end) as Redis' sdssplitargs does: words at blanks; "…" with \n \r \t \b \a \xHH and \c
// for c; '…' with \' only; a closing quote must end its word. Replaces *encoded by the words as a RESP array of bulks
// and *arguments by where they lie in it. No words: both are empty. False when a quote is left open or misplaced.
// Requires: no NUL in `line`.
bool EncodeInline(std::string_view line, std::string* encoded, std::vector<ArgumentSpan>* arguments);

}  // namespace ringproxy::wire
