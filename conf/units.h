// conf/units.h – Durations, sizes, ratios, rates and counts as people write them.
//
// Purpose: `500us 20ms 1s 5m 1h`, `512 64KiB 1MiB 2GiB`, `0.5 50% 1.25` and `5000/s 300/m`. Nothing is ever rounded.
// Promise: Parse(Format(x)) == x for every x that is not negative.
// Threads: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "conf/config.h"
#include "conf/result.h"

namespace ringproxy::conf {

// A bare 0 needs no unit; any other number does.
Result<std::chrono::microseconds, Problem> ParseDuration(std::string_view text);
// The largest unit that divides it exactly: 1500ms, 1s, 0s.
std::string FormatDuration(std::chrono::microseconds duration);

// A number without a unit is bytes.
Result<uint64_t, Problem> ParseSize(std::string_view text);
std::string FormatSize(uint64_t bytes);

// At most three decimals, one with a percent sign.
Result<Ratio, Problem> ParseRatio(std::string_view text);
std::string FormatPercent(Ratio ratio);
std::string FormatFactor(Ratio ratio);

Result<Rate, Problem> ParseRate(std::string_view text);
std::string FormatRate(Rate rate);

// Decimal digits alone.
Result<uint64_t, Problem> ParseCount(std::string_view text);

// So many of what is called `thing` for one: "1 line", "20 lines".
std::string FormatNumberOf(uint64_t count, std::string_view thing);

// Who may read, write and execute a file: 0 and at least three octal digits, since a reader of YAML that takes 0660 for
// a number writes it back as 432.
Result<uint64_t, Problem> ParseFileMode(std::string_view text);
std::string FormatFileMode(uint32_t mode);

}  // namespace ringproxy::conf
