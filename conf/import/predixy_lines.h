// conf/import/predixy_lines.h – predixy's lines of "Key Value" and "Key Value {" … "}" as a tree.
//
// Purpose: a scope is a map whose text is its value, as in Group shard1 {; a key may stand in it several times. Files
// that Include names are read too.
// Threads: functions without state; they read files.
#pragma once

#include <string>
#include <string_view>

#include "conf/import/draft.h"

namespace ringproxy::conf {

// Whether some line begins with a word that only predixy's files begin lines with.
bool LooksLikePredixy(std::string_view text);

// What is wrong goes to `draft`; `file` is what Include is relative to.
TreeValue ReadPredixyLines(std::string_view text, const std::string& file, Draft& draft);

// predixy does not tell capital letters in its words.
bool SameWord(std::string_view a, std::string_view b);

}  // namespace ringproxy::conf
