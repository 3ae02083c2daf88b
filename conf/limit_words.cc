#include "conf/limit_words.h"

#include <algorithm>

#include "conf/quote.h"
#include "conf/units.h"

namespace ringproxy::conf {

namespace {

constexpr std::string_view kPrefixStart = "prefix(";

struct PerName {
  std::string_view name;
  PerWord word;
};
constexpr PerName kPerNames[] = {
    {"connection", PerWord::kConnection},
    {"client_ip", PerWord::kClientIp},
    {"user", PerWord::kUser},
    {"key", PerWord::kKey},
};

Problem UnknownPer(std::string_view word) {
  return Problem{Quote(word) + " is unknown; it may be connection, client_ip, user, key or prefix(N)"};
}

// The N of prefix(N).
Result<uint32_t, Problem> ParsePrefix(std::string_view word) {
  if (!word.ends_with(')')) return UnknownPer(word);
  const std::string_view digits = word.substr(kPrefixStart.size(), word.size() - kPrefixStart.size() - 1);
  const Result<uint64_t, Problem> bytes = ParseCount(digits);
  if (!bytes) return Problem{Quote(word) + " lacks a number of bytes, as in prefix(8)"};
  if (*bytes < 1 || *bytes > kLongestLimitPrefix) {
    return Problem{Quote(word) + " has " + std::to_string(*bytes) + " bytes; it may be 1 to " +
                   std::to_string(kLongestLimitPrefix)};
  }
  return static_cast<uint32_t>(*bytes);
}

Result<PerWord, Problem> ParsePerWord(std::string_view word, LimitPer& per) {
  if (word.starts_with(kPrefixStart)) {
    const Result<uint32_t, Problem> bytes = ParsePrefix(word);
    if (!bytes) return bytes.errors();
    per.prefix = *bytes;
    return PerWord::kPrefix;
  }
  const auto row = std::ranges::find(kPerNames, word, &PerName::name);
  if (row == std::end(kPerNames)) return UnknownPer(word);
  return row->word;
}

// Commands of modules have dots, as in json.get.
bool IsCommandByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool IsCommandName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), IsCommandByte);
}

}  // namespace

Result<LimitPer, Problem> ParsePer(const Words& words) {
  LimitPer per;
  for (const std::string& text : words) {
    const Result<PerWord, Problem> word = ParsePerWord(text, per);
    if (!word) return word.errors();
    // Two prefixes are one word given twice: a limit cuts its keys at one place only.
    if (std::ranges::find(per.order, *word) != per.order.end()) return Problem{Quote(text) + " is given twice"};
    per.order.push_back(*word);
  }
  const auto has = [&](PerWord word) { return std::ranges::find(per.order, word) != per.order.end(); };
  per.connection = has(PerWord::kConnection);
  per.client_ip = has(PerWord::kClientIp);
  per.user = has(PerWord::kUser);
  per.key = has(PerWord::kKey);
  if (per.key && per.prefix > 0) return Problem{"key and prefix(N) do not go together: every key has its prefix"};
  return per;
}

std::optional<Problem> CheckCommandWord(std::string_view word) {
  // A subcommand is written behind a bar, as Redis' own ACL rules write it.
  const size_t bar = word.find('|');
  const bool has_subcommand = bar != std::string_view::npos;
  if (IsCommandName(word.substr(0, bar)) && (!has_subcommand || IsCommandName(word.substr(bar + 1)))) {
    return std::nullopt;
  }
  return Problem{Quote(word) + " is no command; they are written in lower case, as in get or config|get"};
}

}  // namespace ringproxy::conf
