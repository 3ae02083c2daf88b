#include "conf/values.h"

#include <algorithm>
#include <cassert>

#include "conf/address.h"
#include "conf/quote.h"
#include "conf/units.h"

namespace ringproxy::conf {

namespace {

std::string FormatBound(uint64_t bound, OptionKind kind) {
  if (kind == OptionKind::kBytes) return FormatSize(bound);
  if (kind == OptionKind::kDuration) return FormatDuration(std::chrono::microseconds(bound));
  if (kind == OptionKind::kPercent) return FormatPercent({static_cast<uint32_t>(bound)});
  if (kind == OptionKind::kFactor) return FormatFactor({static_cast<uint32_t>(bound)});
  if (kind == OptionKind::kFileMode) return FormatFileMode(static_cast<uint32_t>(bound));
  return std::to_string(bound);
}

Result<uint64_t, Problem> ParseNumber(std::string_view text, OptionKind kind) {
  if (kind == OptionKind::kBytes) return ParseSize(text);
  if (kind == OptionKind::kFileMode) return ParseFileMode(text);
  return ParseCount(text);
}

// `shown` is the value in the words of the file, since 0ms and 0s are the same number.
std::optional<Problem> CheckRange(std::string_view shown, uint64_t value, const Bounds& bounds) {
  if (value < bounds.least) {
    return Problem{std::string(shown) + " is below the least, " + FormatBound(bounds.least, bounds.kind)};
  }
  if (value > bounds.most) {
    return Problem{std::string(shown) + " is above the most, " + FormatBound(bounds.most, bounds.kind)};
  }
  return std::nullopt;
}

// Bytes above 0x7f are UTF-8; a blank would end the name in a line of the log.
bool IsNameByte(unsigned char byte) {
  return byte > 0x20 && byte != 0x7f;
}

// Names stand in error replies, log lines and metric labels, where a line break would forge another line.
std::optional<Problem> CheckName(std::string_view text) {
  if (text.empty()) return Problem{"a name may not be empty"};
  if (std::all_of(text.begin(), text.end(), [](char c) { return IsNameByte(c); })) return std::nullopt;
  return Problem{Quote(text) + " is no name: it has a blank or a control character"};
}

}  // namespace

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, uint64_t& value) {
  // The word is looked for first, since what it stands for may lie below the least.
  if (!bounds.word_for_zero.empty() && text == bounds.word_for_zero) {
    value = 0;
    return std::nullopt;
  }
  const Result<uint64_t, Problem> number = ParseNumber(text, bounds.kind);
  if (!number && bounds.word_for_zero.empty()) return number.errors();
  if (!number) return Problem{number.errors().text + ", nor " + std::string(bounds.word_for_zero)};
  if (auto problem = CheckRange(text, *number, bounds)) return problem;
  value = *number;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, uint32_t& value) {
  // The row's bound keeps the value within its member; a row that does not is a mistake of the table.
  assert(bounds.most <= std::numeric_limits<uint32_t>::max());
  uint64_t wide = value;
  if (auto problem = ReadValue(text, bounds, wide)) return problem;
  value = static_cast<uint32_t>(wide);
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, std::chrono::microseconds& value) {
  const Result<std::chrono::microseconds, Problem> duration = ParseDuration(text);
  if (!duration) return duration.errors();
  if (auto problem = CheckRange(text, static_cast<uint64_t>(duration->count()), bounds)) return problem;
  value = *duration;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, std::string& value) {
  if (!bounds.word_for_zero.empty() && text == bounds.word_for_zero) {
    value = text;
    return std::nullopt;
  }
  if (bounds.kind == OptionKind::kName) {
    if (auto problem = CheckName(text)) return problem;
  }
  // The system would read no further than a NUL, and open another file than the one that was named.
  if (bounds.kind == OptionKind::kPath && text.find('\0') != std::string_view::npos) {
    return Problem{Quote(text) + " is no path: it has a NUL"};
  }
  if (bounds.kind == OptionKind::kText && text.size() < bounds.least) return Problem{"may not be empty"};
  if (text.size() > bounds.most) {
    return Problem{Quote(text) + " has " + std::to_string(text.size()) + " bytes, the most is " +
                   std::to_string(bounds.most)};
  }
  value = text;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, Address& value) {
  if (text.empty() && bounds.kind == OptionKind::kTcpOrNone) {
    value = {};
    return std::nullopt;
  }
  const Result<Address, Problem> address = ParseAddress(text);
  if (!address) return address.errors();
  if (address->is_unix() && bounds.kind != OptionKind::kAddress) return Problem{Quote(text) + " is not HOST:PORT"};
  // A listener may ask for any free port, which is 0; nobody can connect to that.
  if (!address->is_unix() && address->port < bounds.least) {
    return Problem{Quote(text) + " has port " + std::to_string(address->port) + ", the least is " +
                   std::to_string(bounds.least)};
  }
  value = *address;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, Ratio& value) {
  const Result<Ratio, Problem> ratio = ParseRatio(text);
  if (!ratio) return ratio.errors();
  // Zero switches the option off, also where it lies below the least.
  const bool is_off = ratio->thousandths == 0 && !bounds.word_for_zero.empty();
  if (is_off) {
    value = {};
    return std::nullopt;
  }
  if (auto problem = CheckRange(text, ratio->thousandths, bounds)) return problem;
  value = *ratio;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, Rate& value) {
  if (!bounds.word_for_zero.empty() && text == bounds.word_for_zero) {
    value = {};
    return std::nullopt;
  }
  const Result<Rate, Problem> rate = ParseRate(text);
  if (!rate) return rate.errors();
  if (auto problem = CheckRange(text, rate->amount, bounds)) return problem;
  value = *rate;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds&, bool& value) {
  if (text != "true" && text != "false") return Problem{Quote(text) + " is neither true nor false"};
  value = text == "true";
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, SignedNumber& value) {
  assert(bounds.most <= static_cast<uint64_t>(std::numeric_limits<int32_t>::max()));
  const bool is_negative = text.starts_with('-');
  const Result<uint64_t, Problem> number = ParseCount(is_negative ? text.substr(1) : text);
  if (!number) return Problem{Quote(text) + " is no whole number"};
  if (*number > bounds.most) {
    const std::string most = std::to_string(bounds.most);
    return Problem{std::string(text) + (is_negative ? " is below the least, -" : " is above the most, ") + most};
  }
  const auto size = static_cast<int32_t>(*number);
  value.value = is_negative ? -size : size;
  return std::nullopt;
}

std::optional<Problem> ReadValue(std::string_view text, const Bounds& bounds, OnDown& value) {
  OnDown read;
  auto problem = ReadValue(text, bounds, read.policy);
  if (problem) return Problem{problem->text + ", or {gutter: POOL}"};
  value = read;
  return std::nullopt;
}

std::string FormatValue(uint64_t value, const Bounds& bounds) {
  if (value == 0 && !bounds.word_for_zero.empty()) return std::string(bounds.word_for_zero);
  return FormatBound(value, bounds.kind);
}

std::string FormatValue(uint32_t value, const Bounds& bounds) {
  return FormatValue(uint64_t{value}, bounds);
}
std::string FormatValue(std::chrono::microseconds value, const Bounds&) {
  return FormatDuration(value);
}
std::string FormatValue(const std::string& value, const Bounds&) {
  return value;
}
std::string FormatValue(const Words& value, const Bounds&) {
  std::string text;
  for (const std::string& word : value) text += (text.empty() ? "" : ", ") + word;
  return "[" + text + "]";
}
std::string FormatValue(const Address& value, const Bounds& bounds) {
  return bounds.kind == OptionKind::kTcpOrNone && value == Address{} ? "" : value.ToString();
}

std::string FormatValue(Ratio value, const Bounds& bounds) {
  return bounds.kind == OptionKind::kPercent ? FormatPercent(value) : FormatFactor(value);
}
std::string FormatValue(Rate value, const Bounds& bounds) {
  if (value.amount == 0 && !bounds.word_for_zero.empty()) return std::string(bounds.word_for_zero);
  return FormatRate(value);
}
std::string FormatValue(bool value, const Bounds&) {
  return value ? "true" : "false";
}
std::string FormatValue(SignedNumber value, const Bounds&) {
  return std::to_string(value.value);
}
std::string FormatValue(const OnDown& value, const Bounds&) {
  if (value.policy != DownPolicy::kGutter) return std::string(NameOf(value.policy));
  return "{gutter: " + value.gutter + "}";
}

std::optional<Problem> CheckEntries(size_t entries, const Bounds& bounds) {
  const std::string has = "has " + std::to_string(entries) + (entries == 1 ? " entry" : " entries");
  if (entries < bounds.least) return Problem{has + ", the least is " + std::to_string(bounds.least)};
  if (entries > bounds.most) return Problem{has + ", the most is " + std::to_string(bounds.most)};
  return std::nullopt;
}

// No default here and below: the compiler names the kind that was forgotten.
std::string DescribeKind(const Bounds& bounds) {
  switch (bounds.kind) {
    case OptionKind::kCount:
    case OptionKind::kSigned: return "number";
    case OptionKind::kBytes: return "size";
    case OptionKind::kDuration: return "duration";
    case OptionKind::kPercent: return "ratio";
    case OptionKind::kFactor: return "factor";
    case OptionKind::kRate: return "rate";
    case OptionKind::kFileMode: return "octal mode";
    case OptionKind::kSwitch: return "true or false";
    case OptionKind::kOnDown: return "error, rehash or {gutter: POOL}";
    case OptionKind::kChoice: return "word";
    case OptionKind::kName: return "name";
    case OptionKind::kText: return "text";
    case OptionKind::kWords: return "word or a list of words";
    case OptionKind::kPath: return "file";
    case OptionKind::kAddress: return "HOST:PORT or unix:/PATH";
    case OptionKind::kTcpAddress: return "HOST:PORT";
    case OptionKind::kTcpOrNone: return "HOST:PORT or empty";
    case OptionKind::kSection: return "map";
    case OptionKind::kList: return "list";
    case OptionKind::kNamedMap: return "map by name";
  }
  return "";
}

std::string DescribeBounds(const Bounds& bounds) {
  switch (bounds.kind) {
    case OptionKind::kCount:
    case OptionKind::kBytes:
    case OptionKind::kPercent:
    case OptionKind::kFactor:
    case OptionKind::kRate:
    case OptionKind::kFileMode:
    case OptionKind::kDuration: {
      const std::string range = FormatBound(bounds.least, bounds.kind) + " to " + FormatBound(bounds.most, bounds.kind);
      return bounds.word_for_zero.empty() ? range : range + " or " + std::string(bounds.word_for_zero);
    }
    case OptionKind::kSigned: return "-" + std::to_string(bounds.most) + " to " + std::to_string(bounds.most);
    case OptionKind::kName:
    case OptionKind::kText: {
      const std::string length = "at most " + std::to_string(bounds.most) + " bytes";
      return bounds.word_for_zero.empty() ? length : length + " or " + std::string(bounds.word_for_zero);
    }
    case OptionKind::kWords: return "at most " + std::to_string(bounds.most);
    case OptionKind::kList:
    case OptionKind::kNamedMap: return std::to_string(bounds.least) + " to " + std::to_string(bounds.most) + " entries";
    case OptionKind::kSwitch:
    case OptionKind::kOnDown:
    case OptionKind::kChoice:
    case OptionKind::kPath:
    case OptionKind::kAddress:
    case OptionKind::kTcpAddress:
    case OptionKind::kTcpOrNone:
    case OptionKind::kSection: return "";
  }
  return "";
}

Problem UnknownName(std::string_view text, std::span<const std::string_view> names) {
  const std::string_view nearest = Nearest(text, names);
  const std::string hint = nearest.empty() ? "" : ", perhaps " + std::string(nearest);
  return Problem{Quote(text) + " is unknown" + hint + "; it may be " + JoinWords(names, "or")};
}

}  // namespace ringproxy::conf
