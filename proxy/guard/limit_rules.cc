#include "proxy/guard/limit_rules.h"

#include <algorithm>
#include <cassert>

#include "ring/hash.h"

namespace ringproxy::proxy {
namespace {

uint64_t Mix(uint64_t state, uint64_t part) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  // A product carries bits upwards only, so the shift brings the high ones down again.
  state = (state ^ part) * kOdd;
  return state ^ (state >> 32);
}

std::string_view Bytes(const conf::IpAddress& ip) {
  return {reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size()};
}

// What of a key counts for its bucket.
std::string_view Counted(const conf::LimitPer& per, std::string_view key) {
  return per.key ? key : key.substr(0, per.prefix);
}

LimitTerms TermsOf(const conf::Limit& limit, conf::Rate rate, uint64_t burst, uint32_t in_flight) {
  LimitTerms terms;
  terms.bucket = MakeBucketLimit(limit.algorithm, rate, burst, in_flight);
  if (limit.action == conf::LimitAction::kDelay) {
    terms.bucket.max_wait_ns = std::chrono::nanoseconds(limit.max_wait).count();
  }
  if (limit.algorithm == conf::LimitAlgorithm::kTokenBucket) {
    // As many as the process's own bucket would hold, also where the burst is left to its default.
    const auto tokens = static_cast<uint64_t>(terms.bucket.tolerance_ns / terms.bucket.interval_ns);
    terms.lease = {.terms = {.rate = rate, .burst = tokens}, .lease = limit.lease};
  }
  return terms;
}

std::vector<RequestMatch> MatchesOf(const Snapshot& snapshot, std::span<const LimitRule> rules) {
  std::vector<RequestMatch> matches;
  for (const LimitRule& rule : rules) matches.emplace_back(rule.conf->match, snapshot);
  return matches;
}

std::vector<RequestMatch> PrioritiesOf(const Snapshot& snapshot) {
  std::vector<RequestMatch> matches;
  for (const conf::RequestMatch& match : snapshot.config.priority) matches.emplace_back(match, snapshot);
  return matches;
}

// In the order in which they are asked; those of one scope as they stand in the file.
std::vector<LimitRule> RulesOf(std::span<const conf::Limit> limits) {
  std::vector<LimitRule> rules;
  for (const conf::Limit& limit : limits) {
    LimitRule& rule = rules.emplace_back();
    rule.conf = &limit;
    rule.per = *conf::ParsePer(limit.per);
    if (limit.scope == conf::LimitScope::kConnection) rule.per.connection = true;
    rule.terms = TermsOf(limit, limit.rate, limit.burst, limit.requests_in_flight);
    rule.by_key = rule.per.key || rule.per.prefix > 0 || !limit.match.prefix.empty() || !limit.match.glob.empty() ||
                  !limit.match.pool.empty();
    rule.settles_later = limit.algorithm == conf::LimitAlgorithm::kConcurrency || limit.bytes_per_token > 0;
    rule.is_shadow = limit.action == conf::LimitAction::kShadow;
    rule.is_global = limit.scope == conf::LimitScope::kGlobal;
    // One that only counts lets nobody wait for the store.
    rule.is_exact = rule.is_global && limit.check == conf::LimitCheck::kExact && !rule.is_shadow;
  }
  // The nearest come first: a client that its own limit refuses costs the fleet's bucket nothing.
  std::ranges::stable_sort(rules, {}, [](const LimitRule& rule) { return rule.conf->scope; });
  for (uint32_t i = 0; i < rules.size(); ++i) rules[i].index = i;
  return rules;
}

}  // namespace

LimitRules::LimitRules(const Snapshot& snapshot, uint64_t seed, const Records& records)
    : seed_(seed),
      limits_(snapshot.config.limits),
      rules_(RulesOf(limits_)),
      matches_(MatchesOf(snapshot, rules_)),
      rule_index_(snapshot, matches_),
      priorities_(PrioritiesOf(snapshot)),
      priority_index_(snapshot, priorities_) {
  for (LimitRule& rule : rules_) {
    AddOverrides(&rule);
    if (records) rule.record = records(*rule.conf);
  }
}

uint64_t LimitRules::ValueHash(const LimitRule& rule, const ClientIdentity& client, std::string_view key) const {
  uint64_t hash = seed_;
  if (rule.per.client_ip) hash = Mix(hash, ring::SeededHash(Bytes(client.ip), seed_));
  if (rule.per.user) hash = Mix(hash, ring::SeededHash(client.user, seed_));
  if (rule.per.key || rule.per.prefix > 0) hash = Mix(hash, ring::SeededHash(Counted(rule.per, key), seed_));
  return hash;
}

// conf/validate has seen that it can be taken apart.
uint64_t LimitRules::OverrideHash(const LimitRule& rule, std::string_view value) const {
  ClientIdentity client;
  std::string_view key;
  for (const conf::PerWord& word : rule.per.order) {
    // The last part may hold commas of its own.
    const bool is_last = &word == &rule.per.order.back();
    const std::string_view part = value.substr(0, is_last ? value.size() : value.find(','));
    value.remove_prefix(std::min(part.size() + 1, value.size()));
    switch (word) {
      case conf::PerWord::kClientIp: client.ip = conf::ParseIp(part).value_or(conf::IpAddress{}); break;
      case conf::PerWord::kUser: client.user = part; break;
      case conf::PerWord::kKey:
      case conf::PerWord::kPrefix: key = part; break;
      case conf::PerWord::kConnection: break;  // It has no name.
    }
  }
  return ValueHash(rule, client, key);
}

void LimitRules::AddOverrides(LimitRule* rule) const {
  for (const conf::LimitOverride& given : rule->conf->overrides) {
    rule->overrides.emplace(OverrideHash(*rule, given.value),
                            TermsOf(*rule->conf, given.rate, given.burst, given.requests_in_flight));
  }
}

uint64_t LimitRules::CostOf(const LimitRule& rule, const LimitedRequest& asked, size_t keys) const {
  const uint64_t by_command = rule.conf->cost == conf::LimitCost::kCommand ? wire::CostOf(asked.spec, keys) : 1;
  const uint64_t unit = rule.conf->bytes_per_token;
  return unit == 0 ? by_command : by_command + asked.request.encoded().size() / unit;
}

void LimitRules::AddOne(const LimitRule& rule, const LimitedRequest& asked, size_t keys, std::string_view key,
                        std::vector<Charge>* charges) const {
  const uint64_t value = ValueHash(rule, asked.client, key);
  const LimitTerms* terms = &rule.terms;
  if (!rule.overrides.empty()) {
    if (const auto own = rule.overrides.find(value); own != rule.overrides.end()) terms = &own->second;
  }
  // Overrides go by the values alone, which is why what follows is mixed in after they were looked up.
  uint64_t bucket = rule.per.connection ? Mix(value, asked.client.connection) : value;
  if (asked.client.database != 0 && (rule.per.key || rule.per.prefix > 0)) bucket = Mix(bucket, asked.client.database);
  Charge& charge = charges->emplace_back();  // Filled in place: a copy in pieces costs as much as the rest.
  charge.rule = &rule;
  charge.terms = terms;
  charge.bucket = bucket;
  charge.cost = CostOf(rule, asked, keys);
  charge.key = key;
}

void LimitRules::Merge(size_t first, const LimitedRequest& asked, std::vector<Charge>* charges) const {
  const auto begin = charges->begin() + static_cast<std::ptrdiff_t>(first);
  std::stable_sort(begin, charges->end(), [](const Charge& a, const Charge& b) { return a.bucket < b.bucket; });
  size_t kept = first;
  size_t keys = 1;
  for (size_t i = first + 1; i < charges->size(); ++i) {
    Charge& last = (*charges)[kept];
    if ((*charges)[i].bucket != last.bucket) {
      (*charges)[++kept] = (*charges)[i];
      keys = 1;
      continue;
    }
    // It is one request with so many keys: what it costs by its bytes counts once, however many keys share the bucket.
    last.cost = CostOf(*last.rule, asked, ++keys);
  }
  charges->resize(kept + 1);
}

void LimitRules::AddByKey(const LimitRule& rule, const LimitedRequest& asked, wire::KeyPositions* scratch,
                          std::vector<Charge>* charges) const {
  const RequestMatch& match = matches_[rule.index];
  const bool has_own_bucket = rule.per.key || rule.per.prefix > 0;
  const size_t first = charges->size();
  size_t seen = 0;
  size_t fitting = 0;
  ForEachKey(asked, scratch, [&](std::string_view key) {
    ++seen;
    if (!match.FitsKey(asked.listener, key)) return;
    ++fitting;
    if (has_own_bucket) AddOne(rule, asked, 1, key, charges);
  });
  if (has_own_bucket) {
    if (charges->size() > first + 1) Merge(first, asked, charges);
  } else if (fitting > 0 || (seen == 0 && match.FitsWithoutKey(asked))) {
    // All keys that fit meet the same bucket, which is charged once for so many.
    AddOne(rule, asked, fitting, {}, charges);
  }
}

void LimitRules::Match(const LimitedRequest& asked, wire::KeyPositions* scratch, std::vector<Charge>* charges) const {
  for (const uint16_t index : rule_index_.Candidates(asked.listener, asked.command)) {
    const LimitRule& rule = rules_[index];
    if (!matches_[index].FitsClient(asked.client)) continue;
    if (rule.by_key) {
      AddByKey(rule, asked, scratch, charges);
      continue;
    }
    size_t keys = 1;
    // Keys are looked for only where the cost depends on their number.
    if (rule.conf->cost == conf::LimitCost::kCommand && !wire::HasOneKey(asked.spec)) {
      keys = 0;
      ForEachKey(asked, scratch, [&keys](std::string_view) { ++keys; });
    }
    AddOne(rule, asked, keys, {}, charges);
  }
}

void LimitRules::Unite(std::vector<Charge>* charges) {
  // Rules are numbered in the order in which they are asked.
  std::ranges::stable_sort(*charges, {},
                           [](const Charge& charge) { return std::pair(charge.rule->index, charge.bucket); });
  size_t kept = 0;
  for (size_t i = 1; i < charges->size(); ++i) {
    Charge& last = (*charges)[kept];
    const Charge& next = (*charges)[i];
    if (next.rule != last.rule || next.bucket != last.bucket) {
      (*charges)[++kept] = next;
    } else if (last.terms->bucket.algorithm != conf::LimitAlgorithm::kConcurrency) {
      last.cost += next.cost;
    }
  }
  if (!charges->empty()) charges->erase(charges->begin() + static_cast<std::ptrdiff_t>(kept) + 1, charges->end());
}

std::string LimitRules::ValueOf(const Charge& charge, const ClientIdentity& client) const {
  const conf::LimitPer& per = charge.rule->per;
  std::string value;
  for (const conf::PerWord word : per.order) {
    if (!value.empty()) value += ',';
    switch (word) {
      case conf::PerWord::kConnection: value += std::to_string(client.connection); break;
      case conf::PerWord::kClientIp: value += conf::ToString(client.ip); break;
      case conf::PerWord::kUser: value += client.user; break;
      case conf::PerWord::kKey:
      case conf::PerWord::kPrefix:
        if (client.database != 0) value.append("db").append(std::to_string(client.database)).append(":");
        value += Counted(per, charge.key);
        break;
    }
  }
  return value;
}

std::string_view LimitRules::WhyNot(uint32_t rule, const LimitedRequest& asked) const {
  const RequestMatch& match = matches_[rule];
  if (asked.spec.handling == wire::Handling::kLocal || asked.spec.handling == wire::Handling::kClients)
    return "the proxy answers it, and no node is asked";
  if (wire::IsShared(asked.spec)) return "the nodes are asked once for all clients";
  if (!match.FitsListener(asked.listener)) return "another listener";
  if (!match.FitsCommand(asked.spec)) return "another command";
  if (!match.FitsClient(asked.client)) return "another client";
  wire::KeyPositions scratch;
  std::vector<Charge> charges;
  Match(asked, &scratch, &charges);
  const bool concerns = std::ranges::find(charges, &rules_[rule], &Charge::rule) != charges.end();
  return concerns ? std::string_view() : "another key";
}

bool LimitRules::HasPriority(const LimitedRequest& asked, wire::KeyPositions* scratch) const {
  for (const uint16_t index : priority_index_.Candidates(asked.listener, asked.command)) {
    const RequestMatch& match = priorities_[index];
    if (!match.FitsClient(asked.client)) continue;
    if (!match.by_key()) return true;
    size_t seen = 0;
    bool fits = false;
    ForEachKey(asked, scratch, [&](std::string_view key) {
      ++seen;
      // One key is enough, since the request is sent with one claim.
      fits = fits || match.FitsKey(asked.listener, key);
    });
    if (fits || (seen == 0 && match.FitsWithoutKey(asked))) return true;
  }
  return false;
}

}  // namespace ringproxy::proxy
