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

constexpr Unit kRateUnits[] = {
    {"s", 1'000'000},
    {"m", 60'000'000},
    {"h", 3'600'000'000},
    {"d", 86'400'000'000},
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
  // Unlike strtoull, from_chars takes no blank and no sign for an unsigned number, and knows no locale.
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
  // Compared by division: the product itself may leave 64 bits.
  if (*number > kMost / factor) return Problem{Quote(text) + " is too large"};
  return *number * factor;
}

std::string FormatWithUnit(uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    // 0 is a multiple of every unit, and stays with the first.
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

Result<Ratio, Problem> ParseRatio(std::string_view text) {
  constexpr std::string_view kKind = "a ratio such as 0.5 or 50%";
  std::string_view number = text;
  uint64_t unit = 1000;
  if (number.ends_with('%')) {
    number.remove_suffix(1);
    unit = 10;
  }
  const std::string_view whole = number.substr(0, number.find('.'));
  const Result<uint64_t, Problem> units = ParseNumber(whole, text, kKind);
  if (!units) return units.errors();
  // The bound is one less than what fits, so that the decimals find room too.
  if (*units > std::numeric_limits<uint32_t>::max() / 1000 - 1) return Problem{Quote(text) + " is too large"};
  uint64_t thousandths = *units * unit;
  if (whole.size() < number.size()) {
    const std::string_view decimals = number.substr(whole.size() + 1);
    const Result<uint64_t, Problem> fraction = ParseNumber(decimals, text, kKind);
    if (!fraction) return fraction.errors();
    uint64_t scale = unit;
    for (size_t i = 0; i < decimals.size(); ++i) scale /= 10;
    // What is less than a thousandth of the whole would have to be rounded.
    if (scale == 0) return Problem{Quote(text) + " has too many decimals"};
    thousandths += *fraction * scale;
  }
  return Ratio{static_cast<uint32_t>(thousandths)};
}

namespace {

// `value` of `unit` parts, without needless zeros.
std::string Decimal(uint32_t value, uint32_t unit) {
  std::string text = std::to_string(value / unit);
  uint32_t rest = value % unit;
  if (rest > 0) text += '.';
  // It ends, since the unit is a power of ten.
  while (rest > 0) {
    rest *= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

}  // namespace

std::string FormatPercent(Ratio ratio) {
  return Decimal(ratio.thousandths, 10) + "%";
}

std::string FormatFactor(Ratio ratio) {
  return Decimal(ratio.thousandths, 1000);
}

Result<Rate, Problem> ParseRate(std::string_view text) {
  constexpr std::string_view kKind = "a rate such as 5000/s";
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Problem{Quote(text) + " is not " + std::string(kKind)};
  const Result<uint64_t, Problem> amount = ParseNumber(text.substr(0, slash), text, kKind);
  if (!amount) return amount.errors();
  for (const Unit& unit : kRateUnits) {
    if (unit.name == text.substr(slash + 1)) {
      return Rate{*amount, std::chrono::microseconds(static_cast<int64_t>(unit.factor))};
    }
  }
  return Problem{Quote(text) + " is not " + std::string(kKind) + "; it may be per " + Names(kRateUnits)};
}

std::string FormatRate(Rate rate) {
  for (const Unit& unit : kRateUnits) {
    if (static_cast<uint64_t>(rate.window.count()) == unit.factor) {
      return std::to_string(rate.amount) + "/" + std::string(unit.name);
    }
  }
  return {};
}

Result<uint64_t, Problem> ParseCount(std::string_view text) {
  return ParseNumber(text, text, "a whole number");
}

std::string FormatNumberOf(uint64_t count, std::string_view thing) {
  return std::to_string(count).append(" ").append(thing).append(count == 1 ? "" : "s");
}

Result<uint64_t, Problem> ParseFileMode(std::string_view text) {
  constexpr size_t kLongest = 8;
  const bool is_octal = text.find_first_not_of("01234567") == std::string_view::npos;
  if (text.size() < 4 || text.size() > kLongest || text.front() != '0' || !is_octal) {
    return Problem{Quote(text) + " is no mode of a file: 0 and three octal digits, as 0660"};
  }
  uint64_t mode = 0;
  for (const char digit : text) mode = mode * 8 + static_cast<uint64_t>(digit - '0');
  return mode;
}

std::string FormatFileMode(uint32_t mode) {
  std::string text;
  for (; mode > 0 || text.size() < 3; mode >>= 3) text.insert(text.begin(), static_cast<char>('0' + (mode & 7)));
  return "0" + text;
}

}  // namespace ringproxy::conf
