#include "proxy/observe/fleet_report.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "backends/server_version.h"
#include "backends/wire/ascii.h"
#include "proxy/observe/report_rules_table.h"

namespace ringproxy::proxy {
namespace {

// What one node can make the worker do is bounded: no server has so many, and what is beyond is left out.
constexpr size_t kMostSections = 256;
constexpr size_t kMostFields = 4096;  // Of a section.
constexpr size_t kMostPairs = 4096;   // Of a line; a longer one is no list.

// One field as the nodes say it.
struct ToldField {
  std::string_view name;
  std::vector<std::string_view> values;
};

struct ToldSection {
  std::string_view name;
  std::vector<ToldField> fields;
  std::unordered_map<std::string_view, size_t> places;

  void Add(std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view field = line.substr(0, colon);
    // The proxy's own, wherever a node says them: clients look for them without regard to sections.
    if (field == "role" || field.starts_with("ringproxy_")) return;
    // Each module has a line of this name.
    const std::string_view key = field == "module" ? line : field;
    if (fields.size() >= kMostFields && !places.contains(key)) return;
    const auto [place, is_new] = places.try_emplace(key, fields.size());
    if (is_new) fields.push_back({field, {}});
    fields[place->second].values.push_back(line.substr(colon + 1));
  }
};

std::vector<ToldSection> Read(std::span<const std::string_view> texts) {
  std::vector<ToldSection> sections;
  std::unordered_map<std::string_view, size_t> places;
  for (std::string_view text : texts) {
    size_t at = kMostSections;  // None.
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.starts_with("# ")) {
        line.remove_prefix(2);
        if (sections.size() < kMostSections && places.try_emplace(line, sections.size()).second)
          sections.push_back({line, {}, {}});
        const auto place = places.find(line);
        at = place == places.end() ? kMostSections : place->second;
      } else if (at < sections.size()) {
        sections[at].Add(line);
      }
    }
  }
  return sections;
}

// A number with as many places behind the point as it was told with.
struct ReportNumber {
  double value = 0;
  int64_t whole = 0;  // Exact, where there are no places.
  int places = 0;
};

std::optional<ReportNumber> ParseNumber(std::string_view text) {
  ReportNumber number;
  const char* const end = text.data() + text.size();
  if (const auto [after, error] = std::from_chars(text.data(), end, number.whole);
      error == std::errc() && after == end) {
    number.value = static_cast<double>(number.whole);
    return number;
  }
  const auto [after, error] = std::from_chars(text.data(), end, number.value, std::chars_format::fixed);
  if (error != std::errc() || after != end || !std::isfinite(number.value)) return std::nullopt;
  const size_t point = text.find('.');
  number.places = point == std::string_view::npos ? 0 : static_cast<int>(text.size() - point - 1);
  number.whole = number.value < 0 ? INT64_MIN : INT64_MAX;  // Beyond what fits, if it has no places.
  return number;
}

std::string Fixed(double value, int places) {
  constexpr double kMost = std::numeric_limits<double>::max();
  value = std::isnan(value) ? 0 : std::clamp(value, -kMost, kMost);
  // Room for the largest double.
  std::array<char, 400> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, std::min(places, 17));
  return error == std::errc() ? std::string(text.data(), end) : std::string("0");
}

// Nothing: not all of them are numbers.
std::optional<std::string> Combine(std::span<const std::string_view> values, ReportRule rule) {
  std::optional<ReportNumber> sum;
  for (const std::string_view text : values) {
    const std::optional<ReportNumber> number = ParseNumber(text);
    if (!number) return std::nullopt;
    if (!sum) {
      sum = number;
    } else if (rule == ReportRule::kLeast || rule == ReportRule::kMost) {
      const bool is_less = number->value < sum->value;
      if (is_less == (rule == ReportRule::kLeast)) sum = number;
    } else {
      // It overflows only where both have one sign.
      if (__builtin_add_overflow(sum->whole, number->whole, &sum->whole))
        sum->whole = number->whole < 0 ? INT64_MIN : INT64_MAX;
      sum->value += number->value;
      sum->places = std::max(sum->places, number->places);
    }
    if (rule == ReportRule::kBound && number->value == 0) return "0";
  }
  return sum->places > 0 ? Fixed(sum->value, sum->places) : std::to_string(sum->whole);
}

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

// NAME=VALUE,NAME=VALUE
std::optional<Pairs> ParsePairs(std::string_view text) {
  Pairs pairs;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pairs.size() == kMostPairs) return std::nullopt;
    pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return pairs;
}

std::string_view ValueIn(const Pairs& pairs, std::string_view name) {
  const auto found = std::ranges::find(pairs, name, &Pairs::value_type::first);
  return found == pairs.end() ? std::string_view("0") : found->second;
}

double NumberIn(const Pairs& pairs, std::string_view name) {
  return ParseNumber(ValueIn(pairs, name)).value_or(ReportNumber{}).value;
}

// What is an average for each node is one for all.
std::optional<std::string> MergedAverage(std::span<const Pairs> nodes, std::string_view name) {
  double over = 0;
  double under = 0;
  const auto add = [&](const Pairs& pairs, double amount, std::string_view count) {
    over += amount;
    under += NumberIn(pairs, count);
  };
  if (name == "usec_per_call") {
    for (const Pairs& pairs : nodes) add(pairs, NumberIn(pairs, "usec"), "calls");
    return Fixed(under > 0 ? over / under : 0, 2);
  }
  if (name != "avg_ttl") return std::nullopt;
  for (const Pairs& pairs : nodes) add(pairs, NumberIn(pairs, name) * NumberIn(pairs, "expires"), "expires");
  return Fixed(under > 0 ? over / under : 0, 0);
}

// Nothing: they are no lists of numbers.
std::optional<std::string> MergePairs(std::span<const std::string_view> values, ReportRule rule) {
  struct NumbersOfName {
    std::string_view name;
    std::vector<std::string_view> numbers;
    size_t node;  // That has said the last one.
  };
  std::vector<Pairs> nodes;
  std::vector<NumbersOfName> merging;
  std::unordered_map<std::string_view, size_t> places;
  for (const std::string_view value : values) {
    std::optional<Pairs> pairs = ParsePairs(value);
    if (!pairs || pairs->empty()) return std::nullopt;
    const size_t node = nodes.size();
    for (const auto& [name, number] : *pairs) {
      const auto [place, is_new] = places.try_emplace(name, merging.size());
      if (is_new) merging.push_back({name, {}, SIZE_MAX});
      NumbersOfName& one = merging[place->second];
      if (std::exchange(one.node, node) != node) one.numbers.push_back(number);
    }
    nodes.push_back(std::move(*pairs));
  }
  std::string merged;
  for (auto& [name, numbers, node] : merging) {
    std::optional<std::string> value = MergedAverage(nodes, name);
    if (!value) {
      if (numbers.size() < nodes.size()) numbers.emplace_back("0");  // Of those who do not name it.
      value = Combine(numbers, rule);
    }
    if (!value) return std::nullopt;
    if (!merged.empty()) merged.append(",");
    merged.append(name).append("=").append(*value);
  }
  return merged;
}

// Equal for equal sets of nodes, whatever their order, and that of the node itself for a single one.
std::string MergeIds(std::span<const std::string_view> values) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id(values.front());
  for (const std::string_view value : values.subspan(1)) {
    for (size_t i = 0; i < std::min(id.size(), value.size()); ++i) {
      const size_t a = kDigits.find(id[i]);
      const size_t b = kDigits.find(value[i]);
      if (a < kDigits.size() && b < kDigits.size()) id[i] = kDigits[a ^ b];
    }
  }
  return id;
}

std::optional<std::string> MergeAgreed(std::span<const std::string_view> values) {
  const bool agree = std::ranges::all_of(values, [&](std::string_view value) { return value == values.front(); });
  return agree ? std::optional<std::string>(values.front()) : std::nullopt;
}

// Nothing: it is left out, as the nodes differ.
std::optional<std::string> MergeField(const ToldSection& section, const ToldField& field) {
  const std::span<const std::string_view> values = field.values;
  const auto row = std::ranges::find(kReportRules, field.name, &ReportRuleRow::name);
  if (row == std::end(kReportRules)) {
    // Percentiles cannot be merged; none is above the largest.
    const ReportRule rule = section.name == "Latencystats" ? ReportRule::kMost : ReportRule::kAdded;
    if (auto number = Combine(values, rule)) return number;
    if (auto pairs = MergePairs(values, rule)) return pairs;
    return MergeAgreed(values);
  }
  switch (row->rule) {
    case ReportRule::kAgreed: return MergeAgreed(values);
    case ReportRule::kIdentity: return MergeIds(values);
    case ReportRule::kStatus: {
      const auto bad = std::ranges::find_if(values, [](std::string_view value) { return value != "ok"; });
      return std::string(bad == values.end() ? values.front() : *bad);
    }
    case ReportRule::kLeastVersion:
      return std::string(*std::ranges::min_element(
          values, {}, [](std::string_view value) { return backends::ServerVersion::Parse(value); }));
    case ReportRule::kAdded:
    case ReportRule::kLeast:
    case ReportRule::kMost:
    case ReportRule::kBound: break;
  }
  auto number = Combine(values, row->rule);
  return number ? number : MergeAgreed(values);
}

// The values of a section's lines by their names.
using LineValues = std::unordered_map<std::string_view, double>;

LineValues ValuesOf(const std::vector<ReportLine>& lines) {
  LineValues values;
  for (const ReportLine& line : lines)
    values.try_emplace(line.name, ParseNumber(line.value).value_or(ReportNumber{}).value);
  return values;
}

double NumberOf(const LineValues& lines, std::string_view name) {
  const auto line = lines.find(name);
  return line == lines.end() ? 0 : line->second;
}

std::optional<std::string> Ratio(const LineValues& lines, std::string_view name) {
  const auto row = std::ranges::find(kReportRatios, name, &RatioRow::name);
  if (row == std::end(kReportRatios)) return std::nullopt;
  const double under = NumberOf(lines, row->under) - (row->minus.empty() ? 0 : NumberOf(lines, row->minus));
  const double ratio = under > 0 ? NumberOf(lines, row->over) / under : 0;
  return row->is_percentage ? Fixed(ratio * 100, 2) + "%" : Fixed(ratio, 2);
}

// For the eye: used_memory_human is used_memory.
std::optional<std::string> Human(const LineValues& lines, std::string_view name) {
  constexpr std::string_view kSuffix = "_human";
  if (!name.ends_with(kSuffix)) return std::nullopt;
  constexpr double kMost = 0x1p63;  // What several nodes have may be more than fits.
  return HumanBytes(
      static_cast<uint64_t>(std::clamp(NumberOf(lines, name.substr(0, name.size() - kSuffix.size())), 0.0, kMost)));
}

}  // namespace

const ReportSection* FleetReport::Find(std::string_view section) const {
  const auto found = std::ranges::find(sections, section, &ReportSection::name);
  return found == sections.end() ? nullptr : &*found;
}

FleetReport MergeReports(std::span<const std::string_view> texts) {
  FleetReport report;
  report.nodes = texts.size();
  for (const ToldSection& told : Read(texts)) {
    // The proxy's own affair: whether it is a master, and no cluster.
    if (wire::EqualsIgnoringCase(told.name, "Replication") || wire::EqualsIgnoringCase(told.name, "Cluster") ||
        wire::EqualsIgnoringCase(told.name, "Ringproxy"))
      continue;
    ReportSection& section = report.sections.emplace_back();
    section.name = told.name;
    for (const ToldField& field : told.fields) {
      if (std::optional<std::string> value = MergeField(told, field)) {
        section.lines.push_back({std::string(field.name), std::move(*value)});
      } else if (texts.size() > 1 && (field.name.ends_with("_human") || Ratio({}, field.name))) {
        section.lines.push_back({std::string(field.name), {}});  // Below.
      } else {
        report.differing.emplace_back(field.name);
      }
    }
    if (texts.size() == 1) continue;
    const LineValues values = ValuesOf(section.lines);
    for (ReportLine& line : section.lines) {
      if (auto made = Ratio(values, line.name)) line.value = *made;
      if (auto made = Human(values, line.name)) line.value = *made;
    }
  }
  return report;
}

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<char, 4> kUnits = {'B', 'K', 'M', 'G'};
  size_t unit = 0;
  uint64_t hundredths = bytes * 100;
  if (bytes > UINT64_MAX / 100) {
    hundredths = bytes / 1024 * 100;
    unit = 1;
  }
  for (; hundredths >= 102'400 && unit + 1 < kUnits.size(); ++unit) hundredths /= 1024;
  std::string fraction = std::to_string(hundredths % 100);
  fraction.insert(0, 2 - fraction.size(), '0');
  return std::to_string(hundredths / 100).append(".").append(fraction).append(1, kUnits[unit]);
}

}  // namespace ringproxy::proxy
