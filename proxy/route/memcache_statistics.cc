#include "proxy/route/memcache_statistics.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <vector>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::proxy {
namespace {

enum class Rule : uint8_t { kSum, kFirst, kLeast, kMost };

struct RuleRow {
  std::string_view name;  // Without the slab class: "chunk_size" is that of "12:chunk_size".
  Rule rule;
};

// All other numbers add up. The least uptime counts because a drop of it tells an exporter that counters have begun
// anew.
constexpr RuleRow kRules[] = {
    {"accepting_conns", Rule::kLeast},
    {"active_slabs", Rule::kMost},
    {"age", Rule::kMost},
    {"age_hot", Rule::kMost},
    {"age_warm", Rule::kMost},
    {"chunk_size", Rule::kFirst},
    {"chunks_per_page", Rule::kFirst},
    {"evicted_time", Rule::kLeast},
    {"hash_is_expanding", Rule::kMost},
    {"hash_power_level", Rule::kMost},
    {"lru_crawler_running", Rule::kMost},
    {"pid", Rule::kFirst},
    {"pointer_size", Rule::kFirst},
    {"slab_reassign_running", Rule::kMost},
    {"time", Rule::kMost},
    {"uptime", Rule::kLeast},
};
static_assert(std::ranges::is_sorted(kRules, {}, &RuleRow::name));

Rule RuleOf(std::string_view name) {
  const std::string_view base = name.substr(name.rfind(':') + 1);
  const auto* row = std::ranges::lower_bound(kRules, base, {}, &RuleRow::name);
  return row != std::end(kRules) && row->name == base ? row->rule : Rule::kSum;
}

template <typename T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

template <typename T>
T Combine(Rule rule, T a, T b) {
  switch (rule) {
    case Rule::kSum: return a + b;
    case Rule::kLeast: return std::min(a, b);
    case Rule::kMost: return std::max(a, b);
    case Rule::kFirst: break;
  }
  return a;
}

std::string Combined(Rule rule, const std::string& sum, std::string_view value) {
  const auto a = Number<uint64_t>(sum);
  const auto b = Number<uint64_t>(value);
  if (a && b) return std::to_string(Combine(rule, *a, *b));
  // Seconds of CPU: six digits behind the point.
  const auto x = Number<double>(sum);
  const auto y = Number<double>(value);
  return x && y ? std::to_string(Combine(rule, *x, *y)) : sum;
}

}  // namespace

void AppendMergedStatistics(std::span<const std::string_view> replies, std::string* out) {
  std::vector<std::pair<std::string_view, std::string>> merged;
  std::unordered_map<std::string_view, size_t> index;
  for (std::string_view reply : replies) {
    for (std::string_view line = wire::TakeLine(&reply); !line.empty(); line = wire::TakeLine(&reply)) {
      if (wire::TakeWord(&line) != "STAT") continue;
      const std::string_view name = wire::TakeWord(&line);
      const std::string_view value = line.empty() ? line : line.substr(1);
      const auto [known, is_new] = index.emplace(name, merged.size());
      if (is_new) {
        merged.emplace_back(name, value);
      } else {
        std::string& sum = merged[known->second].second;
        sum = Combined(RuleOf(name), sum, value);
      }
    }
  }
  for (const auto& [name, value] : merged) out->append("STAT ").append(name).append(" ").append(value).append("\r\n");
}

}  // namespace ringproxy::proxy
