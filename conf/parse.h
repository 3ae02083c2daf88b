// conf/parse.h – YAML text into a Config that keeps every rule. The only door to yaml-cpp.
//
// Purpose: every mistake at once, each with file, line, column, path, value and bound, so that one run of --check shows
// all there is to repair. Only an error of YAML's own grammar ends the reading early.
// Promises: never throws, whatever the bytes are; a file above kMostConfigBytes or nested beyond reason is refused; the
// secrets named by password_file and token_file are read into the Config.
// Threads: functions without state; they read files.
#pragma once

#include <string>
#include <string_view>

#include "conf/config.h"
#include "conf/result.h"

namespace ringproxy::conf {

inline constexpr size_t kMostConfigBytes = 4 << 20;

Result<Config> LoadConfig(const std::string& file);

// `file` is the name that errors show.
Result<Config> ParseConfig(std::string_view text, const std::string& file);

}  // namespace ringproxy::conf
