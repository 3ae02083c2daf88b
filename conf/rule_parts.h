// conf/rule_parts.h – What the rules of conf/validate and conf/validate_limits have in common.
//
// Threads: functions without state.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "conf/config.h"
#include "conf/source.h"

namespace ringproxy::conf {

// "listeners", 2 → "listeners[2]"
std::string Index(const std::string& list, size_t index);

// What was seen before under the same name, by path.
using Seen = std::map<std::string, std::string>;

// Nothing has taken `value` before; `what` says in an error what it is.
void CheckUnique(const std::string& value, const std::string& path, std::string_view what, Seen& seen, Source& source);

// nullptr: there is none of this name.
const Pool* FindPool(const Config& config, const std::string& name);
const Listener* FindListener(const Config& config, const std::string& name);
// "no pool is called sesions; the nearest known one is sessions"
std::string NoPool(const Config& config, const std::string& name);
std::string NoListener(const Config& config, const std::string& name);

// A word of a list has a place of its own, a single one that of its option.
std::string WordPath(const std::string& path, size_t index, const Source& source);

// `check` says what is wrong with a word, if anything.
template <class F>
void CheckWords(const Words& words, const std::string& path, Source& source, F&& check) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string here = WordPath(path, i, source);
    if (!source.Sound({path, here})) continue;
    if (const std::optional<Problem> problem = check(words[i])) source.Fail(here, problem->text);
  }
}

// Each is an IP address or a network.
void CheckNetworks(const Words& words, const std::string& path, Source& source);

// `small` may not be above `large`; both are options of the section `path`.
void CheckOrder(const std::string& path, std::string_view small, microseconds small_value, std::string_view large,
                microseconds large_value, Source& source);

}  // namespace ringproxy::conf
