#include "conf/import/mcrouter_pools.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ringproxy::conf {

namespace {

constexpr int kMostInherited = 16;  // Pools that one inherits from, one from another.
constexpr uint32_t kMostScale = 100;
constexpr size_t kMostNodes = 10'000;  // As the option table has it.

// What the rates of a PoolRoute count.
struct RateKind {
  std::string_view name;
  Words commands;
};
const RateKind kRateKinds[] = {
    {"gets", {"get", "gets", "mg"}},
    {"sets", {"set", "add", "replace", "append", "prepend", "cas", "ms"}},
    {"deletes", {"delete", "md"}},
};

std::optional<double> ReadNumber(const TreeValue& value) {
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, number);
  if (value.kind != TreeKind::kText || error != std::errc() || rest != end || !std::isfinite(number))
    return std::nullopt;
  return number;
}

bool IsWhole(double number) {
  return std::abs(number - std::round(number)) < 1e-6;
}

// The same amount a second, without a fraction where there is a window that has none.
Rate RateOf(double per_second) {
  for (const std::chrono::seconds window : {std::chrono::seconds(1), std::chrono::seconds(60)}) {
    const double amount = per_second * static_cast<double>(window.count());
    if (IsWhole(amount)) return {static_cast<uint64_t>(std::llround(amount)), window};
  }
  return {static_cast<uint64_t>(std::llround(per_second * 3600)), std::chrono::hours(1)};
}

// "Pool|A" and "A" mean the same.
std::string BareName(const std::string& name) {
  return name.starts_with("Pool|") ? name.substr(5) : name;
}

}  // namespace

const TreeValue* McrouterPools::Property(const TreeValue& pool, std::string_view key) const {
  const TreeValue* from = &pool;
  for (int step = 0; from != nullptr && step < kMostInherited; ++step) {
    if (const TreeValue* found = from->Find(key)) return found;
    const TreeValue* parent = from->Find("inherit");
    from = parent == nullptr || said_ == nullptr ? nullptr : said_->Find(BareName(parent->text));
  }
  return nullptr;
}

void McrouterPools::ImportAll() {
  if (said_ == nullptr || !ExpectMap(draft_, *said_)) return;
  for (const TreeValue& pool : said_->values) {
    if (ExpectMap(draft_, pool)) Import(pool.key, pool);
  }
}

std::optional<std::string> McrouterPools::Import(const std::string& name, const TreeValue& said) {
  if (draft_.IsFull(said)) return std::nullopt;
  const TreeValue* servers = Property(said, "servers");
  if (servers == nullptr) {
    draft_.Fail(said, "lacks servers");
    return std::nullopt;
  }
  if (!ExpectList(draft_, *servers)) return std::nullopt;
  if (servers->values.empty()) {
    draft_.Comment("pools", "The pool " + Quote(name) + " of " + LineOf(said) + " has no servers.");
    names_[name] = "";
    return std::nullopt;
  }
  Pool& pool = draft_.AddPool(draft_.PoolName(name, "pool"), Protocol::kMemcached, said);
  names_[name] = pool.name;
  draft_.Note(Draft::PathOfPool(pool.name) + ".nodes", *servers);
  for (const TreeValue& server : servers->values) {
    // One more than there may be, so that it is found; each is compared with all before it.
    if (pool.nodes.size() <= kMostNodes) ImportServer(pool, server);
  }
  for (const TreeValue& option : said.values) ImportOption(pool, option);
  return pool.name;
}

void McrouterPools::ImportServer(Pool& pool, const TreeValue& said) {
  const TreeValue* name = said.kind == TreeKind::kMap ? said.Find("hostname") : &said;
  if (name == nullptr || name->kind != TreeKind::kText) return draft_.Fail(said, "expects \"HOST:PORT\"");
  std::string text = name->text;
  // host:port:ascii:ssl, [v6]:port:…, unix:/path:…
  const bool is_unix = text.starts_with("unix:");
  const size_t host_end = text.starts_with('[') ? text.find(']') : text.find(':', is_unix ? 5 : 0);
  const size_t colon = is_unix ? host_end : text.find(':', host_end == std::string::npos ? 0 : host_end);
  const size_t more = is_unix || colon == std::string::npos ? colon : text.find(':', colon + 1);
  const std::string rest = more == std::string::npos ? "" : text.substr(more + 1);
  text.resize(std::min(more, text.size()));
  std::optional<Address> address;
  if (is_unix) {
    address = ReadUnixPath(draft_, *name, text.substr(5));
  } else if (colon == std::string::npos) {
    draft_.Fail(*name, Quote(text) + " is not HOST:PORT");
  } else {
    // Brackets may stand around a name too.
    std::string host = text.substr(0, colon);
    const bool is_bracketed_name = host.starts_with('[') && host.find(':') == std::string::npos;
    if (is_bracketed_name) host = host.substr(1, host.size() - 2);
    address = ReadAddress(draft_, *name, host, text.substr(colon + 1));
  }
  if (!address) return;
  // mcrouter may have a server twice in a pool.
  const auto times = std::ranges::count(pool.nodes, *address, &Node::address);
  draft_.AddNode(pool, times == 0 ? "" : address->ToString() + "#" + std::to_string(times + 1), *address, *name);
  if (rest.empty() || rest == "ascii" || rest == "ascii:plain") return;
  const std::string path = Draft::PathOfPool(pool.name) + ".nodes[" + std::to_string(pool.nodes.size() - 1) + "]";
  draft_.Comment(path, Quote(rest) + " has no counterpart: nodes are asked in memcached's text protocol, without TLS.");
  draft_.SayOtherwise(pool.name + ": nodes are asked in memcached's text protocol, and without TLS.");
}

void McrouterPools::ImportOption(Pool& pool, const TreeValue& said) {
  const std::string path = Draft::PathOfPool(pool.name);
  const std::string shown = said.kind == TreeKind::kText ? said.key + ": " + said.text : said.key;
  if (said.key == "servers" || said.key == "name" || said.key == "inherit" || said.key == "type") return;
  if (said.key == "server_timeout" || said.key == "connect_timeout") {
    const auto member = said.key == "server_timeout" ? &Timeouts::request : &Timeouts::connect;
    const std::optional<uint64_t> wait_ms = ReadCount(draft_, said);
    if (!wait_ms) return;
    draft_.Note(path + ".timeouts.request", said);
    draft_.Set(pool.timeouts, member, path + ".timeouts", milliseconds(std::min<uint64_t>(*wait_ms, INT32_MAX)),
               shown + " (milliseconds)");
  } else if (said.key == "hash") {
    SetHash(pool.name, said);
  } else if (said.key == "weights") {
    SetWeights(pool, said);
  } else if (said.key == "protocol" && said.text != "ascii") {
    draft_.Comment(path, shown + " has no counterpart: nodes are asked in memcached's text protocol.");
    draft_.SayOtherwise(pool.name + ": nodes are asked in memcached's text protocol, not in " + Quote(said.text) + ".");
  } else if (said.key != "protocol") {
    draft_.Comment(path, PathPart(said.key) + " of " + LineOf(said) + " has no counterpart.");
  }
}

Pool& McrouterPools::Find(const std::string& name) {
  // Whoever names a pool got its name here.
  return *std::ranges::find(draft_.config.pools, name, &Pool::name);
}

std::optional<std::string> McrouterPools::Called(const std::string& name, const TreeValue& where) {
  const auto known = names_.find(BareName(name));
  // An empty one answers for itself, with errors.
  if (known != names_.end() && known->second.empty()) return std::nullopt;
  if (known != names_.end()) return known->second;
  draft_.Fail(where, "no pool is called " + Quote(BareName(name)));
  return std::nullopt;
}

std::optional<std::string> McrouterPools::Named(const TreeValue& pool) {
  if (pool.kind == TreeKind::kText) return Called(pool.text, pool);
  if (!ExpectMap(draft_, pool)) return std::nullopt;
  const TreeValue* name = pool.Find("name");
  const std::string called = name == nullptr ? "pool" : name->text;
  const auto known = names_.find(called);
  // mcrouter too takes the first pool of a name.
  if (name != nullptr && known != names_.end()) return Called(called, pool);
  return Import(called, pool);
}

void McrouterPools::SetHash(const std::string& name, const TreeValue& hash) {
  Pool& pool = Find(name);
  const TreeValue* function = hash.kind == TreeKind::kMap ? hash.Find("hash_func") : &hash;
  const std::string word = function == nullptr || function->text.empty() ? "Ch3" : function->text;
  const std::string path = Draft::PathOfPool(name);
  const auto [known, is_first] = hashes_.emplace(name, word);
  if (!is_first && known->second != word) {
    draft_.Comment(path + ".ring", "hash of " + LineOf(hash) + " is left out: a pool has one ring here.");
    return;
  }
  if (const TreeValue* weights = hash.Find("weights")) SetWeights(pool, *weights);
  if (const TreeValue* salt = hash.Find("salt"); salt != nullptr && !salt->text.empty()) {
    draft_.Comment(path + ".ring", "salt of " + LineOf(*salt) + " has no counterpart.");
  }
  if (word != "Crc32") return;
  pool.ring.algorithm = ring::Algorithm::kModula;
  pool.ring.hash = ring::HashAlgorithm::kCrc32a;
  pool.ring.hash_tag = "";
}

void McrouterPools::SetWeights(Pool& pool, const TreeValue& weights) {
  if (!ExpectList(draft_, weights)) return;
  std::vector<double> wanted;
  for (const TreeValue& weight : weights.values) {
    const std::optional<double> number = ReadNumber(weight);
    if (!number || *number < 0) return draft_.Fail(weight, Quote(weight.text) + " is no weight");
    wanted.push_back(std::min(*number, 1.0));
  }
  wanted.resize(pool.nodes.size(), 0.5);  // As mcrouter has it.
  // Ours are whole numbers: the smallest ones that mean the same.
  uint32_t scale = 1;
  while (scale < kMostScale && !std::ranges::all_of(wanted, [&](double w) { return IsWhole(w * scale); })) ++scale;
  const std::string path = Draft::PathOfPool(pool.name) + ".nodes";
  for (size_t i = 0; i < wanted.size(); ++i) {
    pool.nodes[i].weight = std::max(1U, static_cast<uint32_t>(std::llround(wanted[i] * scale)));
    if (wanted[i] > 0) continue;
    draft_.Comment(path + "[" + std::to_string(i) + "]", "Its weight is 0 in the file, which no weight can be here.");
  }
}

void McrouterPools::AddRates(const std::string& name, const TreeValue& rates) {
  if (!ExpectMap(draft_, rates)) return;
  for (const RateKind& kind : kRateKinds) {
    const TreeValue* rate = rates.Find(std::string(kind.name) + "_rate");
    if (rate == nullptr) continue;
    const std::optional<double> per_second = ReadNumber(*rate);
    const Rate wanted = per_second && *per_second > 0 && *per_second <= 1e7 ? RateOf(*per_second) : Rate{0};
    if (wanted.amount < 1) {
      draft_.Comment("limits", rate->key + " of " + LineOf(*rate) + " is no rate that a limit can have.");
      continue;
    }
    Limit limit;
    limit.name = name + "-" + std::string(kind.name);
    if (std::ranges::find(draft_.config.limits, limit.name, &Limit::name) != draft_.config.limits.end()) continue;
    limit.match.pool = {name};
    limit.match.command = kind.commands;
    limit.rate = wanted;
    const TreeValue* burst = rates.Find(std::string(kind.name) + "_burst");
    const std::optional<double> at_once = burst == nullptr ? std::nullopt : ReadNumber(*burst);
    if (at_once && *at_once >= 1 && *at_once <= 1e7) limit.burst = static_cast<uint64_t>(*at_once);
    draft_.Note("limits[" + std::to_string(draft_.config.limits.size()) + "]", *rate);
    draft_.config.limits.push_back(std::move(limit));
    draft_.SayOtherwise(
        "Rates of a PoolRoute are limits: they count over all workers, where mcrouter counts each thread "
        "for itself, and what is refused reads SERVER_ERROR rate limited.");
  }
}

void McrouterPools::SetGutter(const std::string& name, const std::string& gutter, uint64_t ttl_s,
                              const TreeValue& where) {
  Pool& pool = Find(name);
  const std::string path = Draft::PathOfPool(name);
  const auto is_gutter_of_other = [&](const Pool& other) { return other.on_down.gutter == name; };
  const bool has_other = !pool.on_down.gutter.empty() && pool.on_down.gutter != gutter;
  if (name == gutter || has_other || Find(gutter).on_down.policy == DownPolicy::kGutter ||
      std::ranges::any_of(draft_.config.pools, is_gutter_of_other)) {
    draft_.Comment(path + ".on_down", "The failover of " + LineOf(where) + " to " + Quote(gutter) +
                                          " is left out: a pool has one gutter, which has none itself.");
    return;
  }
  pool.on_down = {DownPolicy::kGutter, gutter};
  pool.data = DataKind::kCache;
  Find(gutter).data = DataKind::kCache;
  draft_.Note(path + ".on_down", where);
  draft_.Comment(path + ".on_down", "The failover of " + LineOf(where) + ".");
  if (ttl_s > 0) {
    draft_.Set(pool, &Pool::gutter_ttl, path, std::chrono::seconds(std::min<uint64_t>(ttl_s, INT32_MAX)),
               "failover_exptime: " + std::to_string(ttl_s));
  }
  draft_.SayOtherwise(
      "Failover is on_down: {gutter: POOL}. It happens when a node is known to be down, not after an error "
      "of one request; what is written there expires within gutter_ttl; increments, conditions and what has "
      "no expiry fail instead; deletions reach the gutter alone.");
}

}  // namespace ringproxy::conf
