#include "conf/units.h"

#include <charconv>
#include <limits>
#include <span>
#include <vector>

#include "conf/quote.h"

namespace ringproxy::conf {

namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// Smallest first. The first is what the number is stored in.
constexpr Unit kDurationUnits[] = {
    {"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}, {"h", 3'600'000'000},
};
constexpr Unit kSizeUnits[] = {
    {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40},
};

// What chrono can hold, and far more than any bound of an option.
constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();

std::string Names(std::span<const Unit> units) {
  std::vector<std::string_view> names;
  for (const Unit& unit : units) names.push_back(unit.name);
  return JoinWords(names, "or");
}

Result<uint64_t, Problem> ParseNumber(std::string_view digits, std::string_view whole, std::string_view kind) {
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code == std::errc::result_out_of_range) return Problem{Quote(whole) + " is too large"};
  if (digits.empty() || code != std::errc() || end != digits.data() + digits.size()) {
    return Problem{Quote(whole) + " is not " + std::string(kind)};
  }
  return number;
}

// `bare_factor` is for a number without a unit; 0 = it needs one.
Result<uint64_t, Problem> ParseWithUnit(std::string_view text, std::span<const Unit> units, uint64_t bare_factor,
                                        std::string_view kind) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  const std::string_view suffix = text.substr(digits.size());
  const Result<uint64_t, Problem> number = ParseNumber(digits, text, kind);
  if (!number) return number;
  uint64_t factor = suffix.empty() ? bare_factor : 0;
  for (const Unit& unit : units) {
    if (unit.name == suffix) factor = unit.factor;
  }
  if (*number == 0 && suffix.empty()) return uint64_t{0};
  if (factor == 0 && suffix.empty()) return Problem{Quote(text) + " lacks a unit: " + Names(units)};
  if (factor == 0) return Problem{Quote(text) + " is not " + std::string(kind) + "; the units are " + Names(units)};
  if (*number > kMost / factor) return Problem{Quote(text) + " is too large"};
  return *number * factor;
}

std::string FormatWithUnit(uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

Result<std::chrono::microseconds, Problem> ParseDuration(std::string_view text) {
  const Result<uint64_t, Problem> value = ParseWithUnit(text, kDurationUnits, 0, "a duration such as 20ms");
  if (!value) return value.errors();
  return std::chrono::microseconds(*value);
}

std::string FormatDuration(std::chrono::microseconds duration) {
  if (duration.count() == 0) return "0s";
  return FormatWithUnit(static_cast<uint64_t>(duration.count()), kDurationUnits);
}

Result<uint64_t, Problem> ParseSize(std::string_view text) {
  return ParseWithUnit(text, kSizeUnits, 1, "a size such as 64KiB");
}

std::string FormatSize(uint64_t bytes) {
  // Plain bytes are written without a unit, as they are read.
  if (bytes == 0 || bytes % 1024 != 0) return std::to_string(bytes);
  return FormatWithUnit(bytes, kSizeUnits);
}

Result<uint64_t, Problem> ParseCount(std::string_view text) {
  return ParseNumber(text, text, "a whole number");
}

}  // namespace ringproxy::conf
