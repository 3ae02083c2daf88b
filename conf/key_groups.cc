#include "conf/key_groups.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "conf/quote.h"

namespace ringproxy::conf {
namespace {

constexpr size_t kMostStars = 8;
constexpr std::string_view kTagStar = "{*}";

struct ReadyGroup {
  GroupSet set;
  std::string_view pattern;
  std::string_view tag = {};
  bool (*check)(std::string_view key) = nullptr;
};

bool IsAll(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

// A process of Sidekiq is called HOST:PID:NONCE, and has keys beside the one of its name.
bool IsOfSidekiqProcess(std::string_view key) {
  constexpr size_t kNonce = 12;
  for (const std::string_view end : {":work", ":workers", "-signals"}) {
    if (key.ends_with(end)) key.remove_suffix(end.size());
  }
  const size_t nonce = key.rfind(':');
  const size_t pid = nonce == 0 || nonce == std::string_view::npos ? nonce : key.rfind(':', nonce - 1);
  if (nonce == std::string_view::npos || pid == std::string_view::npos || pid + 1 >= nonce) return false;
  return key.size() - nonce - 1 == kNonce && IsAll(key.substr(nonce + 1), "0123456789abcdef") &&
         IsAll(key.substr(pid + 1, nonce - pid - 1), "0123456789");
}

// The names that these frameworks have without being told. The first that fits counts.
constexpr ReadyGroup kReadyGroups[] = {
    {GroupSet::kBullmq, "bull:{*}:*"},
    {GroupSet::kBull, "bull:{*}:*"},
    {GroupSet::kBeeQueue, "bq:{*}:*"},
    // With and without the prefix that Laravel gives its connections: the application's name, by release.
    {GroupSet::kLaravel, "queues:{*}:notify"},
    {GroupSet::kLaravel, "queues:{*}:reserved"},
    {GroupSet::kLaravel, "queues:{*}:delayed"},
    {GroupSet::kLaravel, "queues:{*}"},
    {GroupSet::kLaravel, "*_database_queues:{*}:notify"},
    {GroupSet::kLaravel, "*_database_queues:{*}:reserved"},
    {GroupSet::kLaravel, "*_database_queues:{*}:delayed"},
    {GroupSet::kLaravel, "*_database_queues:{*}"},
    {GroupSet::kLaravel, "*-database-queues:{*}:notify"},
    {GroupSet::kLaravel, "*-database-queues:{*}:reserved"},
    {GroupSet::kLaravel, "*-database-queues:{*}:delayed"},
    {GroupSet::kLaravel, "*-database-queues:{*}"},
    {GroupSet::kSidekiq, "queue:*", "sidekiq"},
    {GroupSet::kSidekiq, "queues", "sidekiq"},
    {GroupSet::kSidekiq, "processes", "sidekiq"},
    {GroupSet::kSidekiq, "retry", "sidekiq"},
    {GroupSet::kSidekiq, "schedule", "sidekiq"},
    {GroupSet::kSidekiq, "dead", "sidekiq"},
    {GroupSet::kSidekiq, "stat:*", "sidekiq"},
    {GroupSet::kSidekiq, "*:*:*", "sidekiq", IsOfSidekiqProcess},
    {GroupSet::kRq, "rq:*", "rq"},
    {GroupSet::kCelery, "celery", "celery"},
    {GroupSet::kCelery, "celery\x06\x16*", "celery"},
    {GroupSet::kCelery, "unacked*", "celery"},
    {GroupSet::kCelery, "_kombu.binding.*", "celery"},
    {GroupSet::kCelery, "celeryev.*", "celery"},
    {GroupSet::kCelery, "*.celery.pidbox*", "celery"},
    {GroupSet::kCelery, "celery-taskset-meta-{*}.j"},
    {GroupSet::kCelery, "celery-taskset-meta-{*}.t"},
    {GroupSet::kCelery, "celery-taskset-meta-{*}.s"},
    {GroupSet::kCelery, "celery-taskset-meta-{*}"},
};

std::vector<std::string> SplitAtStars(std::string_view pattern) {
  std::vector<std::string> literals(1);
  for (const char c : pattern) {
    if (c == '*') {
      literals.emplace_back();
    } else if (c != '{' && c != '}') {
      literals.back() += c;
    }
  }
  return literals;
}

}  // namespace

KeyGroups::KeyGroups(const std::vector<KeyGroup>& groups) {
  for (const KeyGroup& group : groups) {
    assert(!WhyNoGroup(group));
    if (group.set == GroupSet::kNone) rules_.push_back(MakeRule(group.pattern, group.tag, nullptr));
    for (const ReadyGroup& row : kReadyGroups) {
      if (row.set == group.set) rules_.push_back(MakeRule(row.pattern, row.tag, row.check));
    }
  }
}

KeyGroups::GroupRule KeyGroups::MakeRule(std::string_view pattern, std::string_view tag, Check check) {
  GroupRule rule{.literals = SplitAtStars(pattern), .tag = std::string(tag), .check = check};
  const size_t braces = pattern.find(kTagStar);
  if (braces != std::string_view::npos) {
    rule.tag_star = static_cast<size_t>(std::ranges::count(pattern.substr(0, braces), '*'));
  }
  return rule;
}

std::string_view KeyGroups::TagOf(std::string_view key) const {
  for (const GroupRule& rule : rules_) {
    const std::string_view tag = TagBy(rule, key);
    if (!tag.empty()) return tag;
  }
  return {};
}

std::string_view KeyGroups::TagBy(const GroupRule& rule, std::string_view key) {
  const std::string& first = rule.literals.front();
  const std::string& last = rule.literals.back();
  const size_t stars = rule.literals.size() - 1;
  if (!key.starts_with(first)) return {};
  if (stars == 0) return key.size() == first.size() ? std::string_view(rule.tag) : std::string_view();
  std::string_view tag = rule.tag;
  size_t position = first.size();
  for (size_t star = 0; star < stars; ++star) {
    const bool is_last = star + 1 == stars;
    if (is_last && (key.size() - position < last.size() || !key.ends_with(last))) return {};
    const size_t end = is_last ? key.size() - last.size() : key.find(rule.literals[star + 1], position);
    if (end == std::string_view::npos) return {};
    if (rule.tag_star == star) tag = key.substr(position, end - position);
    position = end + rule.literals[star + 1].size();
  }
  return rule.check == nullptr || rule.check(key) ? tag : std::string_view();
}

std::optional<std::string> WhyNoGroup(const KeyGroup& group) {
  const bool has_pattern = !group.pattern.empty();
  if (group.set != GroupSet::kNone) {
    const bool is_alone = !has_pattern && group.tag.empty();
    return is_alone ? std::nullopt
                    : std::optional("has a ready-made set, beside which no pattern and no tag may stand");
  }
  if (!has_pattern) return "has neither a ready-made set nor a pattern";
  const size_t braces = group.pattern.find(kTagStar);
  std::string rest = group.pattern;
  if (braces != std::string::npos) rest.replace(braces, kTagStar.size(), "*");
  const std::string shown = "the pattern " + Quote(group.pattern);
  if (rest.find_first_of("{}") != std::string::npos) return shown + " has braces that are not one {*}";
  if (rest.find("**") != std::string::npos) return shown + " has stars with nothing between them";
  if (static_cast<size_t>(std::ranges::count(rest, '*')) > kMostStars) {
    return shown + " has more stars than " + std::to_string(kMostStars);
  }
  if (rest == "*") return shown + " fits every key";
  if (braces != std::string::npos && !group.tag.empty()) return shown + " has a {*}, beside which no tag may stand";
  if (braces == std::string::npos && group.tag.empty()) return shown + " has no {*} and so needs a tag";
  return std::nullopt;
}

}  // namespace ringproxy::conf
