// conf/import/importer.h – Another program's configuration as one of ringproxy.
//
// Purpose: --import. What the others' options are called and mean stands in one source for each program.
// Promises: never throws, whatever the bytes are; the text is one that --check accepts, with a comment at each thing
// that has no counterpart and a summary of what behaves otherwise at its head; no secret is in it.
// Threads: functions without state; they read files.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/option_names.h"
#include "conf/result.h"

namespace ringproxy::conf {

enum class ImportFormat : uint8_t { kNutcracker, kMcrouter, kPredixy, kEnvoy };

template <>
inline constexpr EnumName<ImportFormat> kNames<ImportFormat>[] = {
    {ImportFormat::kNutcracker, "nutcracker"},
    {ImportFormat::kMcrouter, "mcrouter"},
    {ImportFormat::kPredixy, "predixy"},
    {ImportFormat::kEnvoy, "envoy"},
};

// Without a format the content tells it.
Result<std::string> ImportFile(const std::string& file, std::optional<ImportFormat> format);
// `file` is the name that errors show, and what other files are named relative to.
Result<std::string> ImportText(std::string_view text, const std::string& file, std::optional<ImportFormat> format);

// mcrouter's JSON without // and /* */, which become blanks.
std::string WithoutJsonComments(std::string_view text);

}  // namespace ringproxy::conf
