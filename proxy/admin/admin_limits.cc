// The admin port's pages about the limits: what each has decided, and what they would say of a request.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/memcache_command.h"
#include "conf/option_table.h"
#include "conf/values.h"
#include "proxy/admin/admin_http.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;

// The words of a command as a request that was never sent: enough for the limits, which look at its keys.
struct ImaginedRequest {
  explicit ImaginedRequest(std::string command) : text(std::move(command)) {
    for (size_t begin = text.find_first_not_of(' '); begin != std::string::npos;) {
      const size_t end = std::min(text.find(' ', begin), text.size());
      words.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end - begin)});
      begin = text.find_first_not_of(' ', end);
    }
  }
  wire::Request request() const { return {text, words}; }

  std::string text;
  std::vector<wire::ArgumentSpan> words;
};

struct KnownCommand {
  const wire::CommandSpec* spec = nullptr;
  uint32_t row = 0;
  std::string problem;
};

KnownCommand FindCommand(conf::Protocol protocol, const wire::Request& request) {
  KnownCommand known;
  if (protocol == conf::Protocol::kMemcached) {
    const bool has_rows = request.name() == "stats" && request.size() > 1;
    const wire::MemcacheSpec* spec =
        wire::FindMemcacheCommand(has_rows ? "stats|" + std::string(request[1]) : std::string(request.name()));
    if (spec == nullptr) return {nullptr, 0, "unknown command"};
    const bool is_short = request.size() < static_cast<size_t>(std::abs(spec->command.arity));
    const bool is_long = spec->most_words > 0 && request.size() > spec->most_words;
    return {&spec->command, static_cast<uint32_t>(wire::MemcacheCommandIndex(*spec)),
            is_short  ? "too few arguments"
            : is_long ? "too many arguments"
                      : ""};
  }
  const wire::CommandSpec* spec = wire::FindRedisCommand(request);
  if (spec == nullptr) return {nullptr, 0, "unknown command"};
  const wire::Shape shape = wire::CheckShape(*spec, request);
  return {spec, static_cast<uint32_t>(wire::CommandIndex(*spec)),
          shape == wire::Shape::kOk ? "" : "unknown subcommand or wrong number of arguments"};
}

// -1: no wait helps.
int64_t Milliseconds(int64_t nanoseconds) {
  constexpr int64_t kPerMillisecond = 1'000'000;
  // Rounded up: a client that comes back a moment too early is refused once more.
  return nanoseconds < 0 ? -1 : (nanoseconds + kPerMillisecond - 1) / kPerMillisecond;
}

json AnswerJson(const BucketAnswer& answer) {
  if (!answer.admitted) return {{"says", "refuse"}, {"retry_after_ms", Milliseconds(answer.wait_ns)}};
  if (answer.wait_ns > 0) return {{"says", "delay"}, {"wait_ms", Milliseconds(answer.wait_ns)}};
  return {{"says", "admit"}};
}

std::string RateText(const conf::Limit& limit) {
  return limit.algorithm == conf::LimitAlgorithm::kConcurrency ? std::string() : conf::FormatValue(limit.rate, {});
}

// What every page says of a limit.
json RuleJson(const LimitRule& rule) {
  const conf::Limit& limit = *rule.conf;
  json described = {{"name", limit.name},
                    {"scope", conf::NameOf(limit.scope)},
                    {"algorithm", conf::NameOf(limit.algorithm)},
                    {"action", conf::NameOf(limit.action)}};
  if (limit.algorithm == conf::LimitAlgorithm::kConcurrency) {
    described["requests_in_flight"] = limit.requests_in_flight;
  } else {
    described["rate"] = RateText(limit);
  }
  if (limit.algorithm == conf::LimitAlgorithm::kTokenBucket) described["burst"] = rule.terms.lease.terms.burst;
  return described;
}

json StoreJson(const SharedLimits& limits, const LimitRule& rule) {
  const conf::Limit& limit = *rule.conf;
  const auto sum = [&](backends::Counter LimitStats::*counter) { return rule.record->Sum(counter); };
  return {{"state", sum(&LimitStats::failing_leases) > 0 ? "failing" : "ok"},
          {"on_failure", conf::NameOf(limit.on_store_failure)},
          {"proxies", limits.proxies()},
          {"leases", sum(&LimitStats::leases)},
          {"lease_tokens", sum(&LimitStats::lease_tokens)},
          {"granted", sum(&LimitStats::store_granted)},
          {"refused", sum(&LimitStats::store_refused)},
          {"timeouts", sum(&LimitStats::store_timeouts)},
          {"errors", sum(&LimitStats::store_errors)}};
}

int64_t Now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

json StateJson(const SharedLimits& limits, const LimitRules& rules, const LimitRule& described) {
  const BucketTable& table = std::as_const(*described.record).table();
  json state = RuleJson(described);
  const auto sum = [&](backends::Counter LimitStats::*counter) { return described.record->Sum(counter); };
  state["admitted"] = sum(&LimitStats::admitted);
  state["refused"] = sum(&LimitStats::refused);
  state["shadow_refused"] = sum(&LimitStats::shadow_refused);
  state["delayed"] = sum(&LimitStats::delayed);
  state["waiting"] = sum(&LimitStats::waiting);
  state["near_limit"] = sum(&LimitStats::near_limit);
  state["buckets"] = {{"used", table.size()}, {"most", table.capacity()}, {"overflows", table.overflows()}};
  const bool is_global = described.conf->scope == conf::LimitScope::kGlobal;
  if (is_global) state["store"] = StoreJson(limits, described);
  // Any other limit has many buckets, or its bucket is in the store.
  if (!is_global && described.conf->per.empty() && described.conf->scope == conf::LimitScope::kLocal) {
    state["fill"] = table.Used(rules.OnlyBucket(), described.terms.bucket, Now());
  }
  return state;
}

// What the workers hold of a bucket of the store, about a second ago.
json LeaseJson(AllStats workers, const std::string& limit, const std::string& value) {
  uint64_t tokens = 0;
  uint32_t used = 0;
  size_t holders = 0;
  bool is_failing = false;
  for (const auto& worker : workers) {
    const auto view = worker->leases.Get();
    if (!view) continue;
    for (const LeaseView& lease : *view) {
      if (lease.limit != limit || lease.value != value) continue;
      ++holders;
      tokens += lease.tokens;
      // All workers tell of the same bucket, each by the store's last answer to it, so this does not add up.
      used = std::max(used, lease.used_thousandths);
      is_failing = is_failing || lease.is_failing;
    }
  }
  if (holders == 0) return {{"says", "ask the store"}};
  json described = {{"lease_tokens", tokens}, {"workers", holders}, {"used", used / 1000.0}};
  described["says"] = is_failing ? "go by on_store_failure" : tokens > 0 ? "admit" : "ask the store";
  return described;
}

json ChargeJson(const LimitRules& rules, AllStats workers, const Charge& charge, const ClientIdentity& client) {
  const LimitRule& rule = *charge.rule;
  json entry = RuleJson(rule);
  const std::string value = rules.ValueOf(charge, client);
  entry["bucket"] = value;
  entry["cost"] = charge.cost;
  if (rule.is_global) {
    entry.update(LeaseJson(workers, rule.conf->name, value));
    return entry;
  }
  const BucketTable& table = std::as_const(*rule.record).table();
  entry.update(AnswerJson(table.Peek(charge.bucket, charge.terms->bucket, Now(), charge.cost)));
  entry["used"] = table.Used(charge.bucket, charge.terms->bucket, Now());
  return entry;
}

// What limits and others say of the request; `decision` of all together.
json ExplainJson(const LimitRules& rules, AllStats workers, const LimitedRequest& asked) {
  wire::KeyPositions scratch;
  std::vector<Charge> charges;
  rules.Match(asked, &scratch, &charges);
  json concerned = json::array();
  std::string decision = "admit";
  for (const Charge& charge : charges) {
    json entry = ChargeJson(rules, workers, charge, asked.client);
    // A refusal cannot be outdone by a later limit, and a limit that only counts decides nothing.
    if (!charge.rule->is_shadow && decision != "refuse" && entry["says"] != "admit") decision = entry["says"];
    concerned.push_back(std::move(entry));
  }
  json others = json::array();
  for (uint32_t i = 0; i < rules.rules().size(); ++i) {
    const std::string_view why = rules.WhyNot(i, asked);
    if (!why.empty()) others.push_back({{"name", rules.rules()[i].conf->name}, {"why", why}});
  }
  return {{"decision", decision},
          {"has_priority", rules.HasPriority(asked, &scratch)},
          {"limits", concerned},
          {"others", others}};
}

}  // namespace

AdminReply AdminHttp::Limits(const Query& query) const {
  json limits = json::array();
  // As they stand in the file.
  for (const conf::Limit& limit : snapshot_->config.limits) {
    if (query.contains("limit") && query.at("limit") != limit.name) continue;
    const LimitRules& rules = *snapshot_->limits;
    const auto rule =
        std::ranges::find(rules.rules(), limit.name, [](const LimitRule& each) { return each.conf->name; });
    limits.push_back(StateJson(*limits_, rules, *rule));
  }
  return JsonReply(200, {{"limits", limits}, {"store", snapshot_->config.global_limits.store}});
}

AdminReply AdminHttp::ExplainLimits(const Query& query) const {
  const auto given = [&](const char* name) { return query.contains(name) ? query.at(name) : std::string(); };
  const std::vector<conf::Listener>& listeners = snapshot_->config.listeners;
  auto listener = listeners.begin();
  if (query.contains("listener")) listener = std::ranges::find(listeners, given("listener"), &conf::Listener::name);
  if (listener == listeners.end()) return JsonError(404, "no listener is called " + given("listener"));
  const ImaginedRequest imagined(given("command"));
  if (imagined.words.empty()) return JsonError(400, "command is missing: the words of a request, as in GET cart:1");
  const wire::Request request = imagined.request();
  const KnownCommand known = FindCommand(listener->protocol, request);
  if (!known.problem.empty()) return JsonError(400, known.problem);
  const std::optional<conf::IpAddress> ip = conf::ParseIp(given("ip"));
  if (query.contains("ip") && !ip) return JsonError(400, given("ip") + " is no IP address");
  const std::string user = given("user");
  // Connections are numbered from 1, so a limit of each connection shows a bucket that nobody has used.
  const ClientIdentity client{.connection = 0, .ip = ip.value_or(conf::IpAddress{}), .user = user};
  const auto index = static_cast<uint32_t>(listener - listeners.begin());
  // Limits are not asked about what its client reads an error for in any case.
  const std::string& hash_tag = snapshot_->config.pools[snapshot_->listeners[index].routes.back().pool].ring.hash_tag;
  const std::string_view refusal = wire::RefusalOf(*known.spec, request, {hash_tag, listener->admin_commands});
  if (!refusal.empty()) return JsonError(400, "not supported: " + std::string(refusal));
  json answer =
      ExplainJson(*snapshot_->limits, workers_, {index, known.row, *known.spec, request, std::nullopt, client});
  answer["listener"] = listener->name;
  answer["command"] = known.spec->name;
  return JsonReply(200, answer);
}

}  // namespace ringproxy::proxy
