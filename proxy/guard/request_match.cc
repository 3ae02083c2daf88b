#include "proxy/guard/request_match.h"

#include <algorithm>
#include <array>

#include "backends/wire/glob.h"
#include "backends/wire/memcache_command.h"
#include "conf/quote.h"

namespace ringproxy::proxy {
namespace {

struct ClassRow {
  std::string_view name;
  bool (*holds)(const wire::CommandSpec&);
};

constexpr ClassRow kClasses[] = {
    {"read", [](const wire::CommandSpec& spec) { return spec.access == wire::Access::kRead; }},
    {"write", [](const wire::CommandSpec& spec) { return spec.access == wire::Access::kWrite; }},
    {"admin", [](const wire::CommandSpec& spec) { return spec.access == wire::Access::kAdmin; }},
    {"heavy", [](const wire::CommandSpec& spec) { return spec.weight == wire::Weight::kHeavy; }},
};

// A container stands for its subcommands: config for config|get.
bool IsNamed(const wire::CommandSpec& spec, std::string_view word) {
  if (!spec.name.starts_with(word)) return false;
  return spec.name.size() == word.size() || spec.name[word.size()] == '|';
}

bool FitsWord(const wire::CommandSpec& spec, std::string_view word) {
  const auto* row = std::ranges::find(kClasses, word, &ClassRow::name);
  return row != std::end(kClasses) ? row->holds(spec) : IsNamed(spec, word);
}

bool IsKnownWord(std::string_view word) {
  for (const conf::Protocol protocol : {conf::Protocol::kRedis, conf::Protocol::kMemcached}) {
    for (size_t i = 0; i < CommandCount(protocol); ++i) {
      if (FitsWord(CommandAt(protocol, i), word)) return true;
    }
  }
  return std::ranges::find(kClasses, word, &ClassRow::name) != std::end(kClasses);
}

void CheckWords(const conf::RequestMatch& match, const std::string& path, std::vector<std::string>* errors) {
  for (const std::string& word : match.command) {
    if (IsKnownWord(word)) continue;
    errors->push_back(path + ".command: " + conf::Quote(word) +
                      " is no command, nor one of the classes read, write, admin and heavy");
  }
}

}  // namespace

size_t CommandCount(conf::Protocol protocol) {
  return protocol == conf::Protocol::kMemcached ? wire::MemcacheCommands().size() : wire::RedisCommands().size();
}

const wire::CommandSpec& CommandAt(conf::Protocol protocol, size_t index) {
  return protocol == conf::Protocol::kMemcached ? wire::MemcacheCommands()[index].command
                                                : wire::RedisCommands()[index];
}

RequestMatch::RequestMatch(const conf::RequestMatch& match, const Snapshot& snapshot)
    : conf_(match), by_key_(!match.prefix.empty() || !match.glob.empty() || !match.pool.empty()) {
  // conf/validate has read every word.
  clients_ = conf::CidrsOf(match.client);
  for (const conf::Pool& pool : snapshot.config.pools) {
    if (!match.pool.empty()) pools_.push_back(IsOneOf(match.pool, pool.name));
  }
  if (!match.pool.empty()) routes_ = snapshot.listeners;
  for (const conf::Listener& listener : snapshot.config.listeners) {
    listeners_.push_back(match.listener.empty() || IsOneOf(match.listener, listener.name));
  }
}

bool RequestMatch::IsOneOf(const conf::Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool RequestMatch::AnyContains(const conf::IpAddress& ip) const {
  return std::ranges::any_of(clients_, [&](const conf::Cidr& cidr) { return cidr.Contains(ip); });
}

bool RequestMatch::FitsCommand(const wire::CommandSpec& spec) const {
  using wire::Handling;
  // What no node gets to see costs nobody anything.
  if (spec.handling == Handling::kLocal || spec.handling == Handling::kClients || spec.handling == Handling::kRefused)
    return false;
  if (wire::IsShared(spec)) return false;
  return conf_.command.empty() ||
         std::ranges::any_of(conf_.command, [&](const std::string& word) { return FitsWord(spec, word); });
}

bool RequestMatch::FitsKey(uint32_t listener, std::string_view key) const {
  const auto begins = [&](const std::string& prefix) { return key.starts_with(prefix); };
  const auto matches = [&](const std::string& glob) { return wire::MatchesGlob(glob, key, wire::Case::kMatters); };
  if (!conf_.prefix.empty() && std::ranges::none_of(conf_.prefix, begins)) return false;
  if (!conf_.glob.empty() && std::ranges::none_of(conf_.glob, matches)) return false;
  return pools_.empty() || pools_[RoutePool(routes_[listener], key)];
}

bool RequestMatch::FitsWithoutKey(const LimitedRequest& asked) const {
  if (!conf_.prefix.empty() || !conf_.glob.empty()) return false;
  if (pools_.empty()) return true;
  const ListenerSnapshot& listener = routes_[asked.listener];
  // A command without a key goes to the default pool, unless it goes to the nodes of all pools.
  const wire::Handling handling = asked.spec.handling;
  const bool is_of_all = handling == wire::Handling::kAllNodes || handling == wire::Handling::kCursor ||
                         handling == wire::Handling::kServers || handling == wire::Handling::kControl ||
                         handling == wire::Handling::kListing;
  if (!is_of_all) return pools_[RoutePool(listener, {})];
  return std::ranges::any_of(listener.pools, [&](uint32_t pool) { return pools_[pool]; });
}

MatchIndex::MatchIndex(const Snapshot& snapshot, std::span<const RequestMatch> matches) {
  for (uint32_t listener = 0; listener < snapshot.config.listeners.size(); ++listener) {
    const conf::Protocol protocol = snapshot.config.listeners[listener].protocol;
    first_.push_back(by_command_.size());
    for (size_t command = 0; command < CommandCount(protocol); ++command) {
      Range& range = by_command_.emplace_back();
      range.first = static_cast<uint32_t>(candidates_.size());
      for (uint16_t i = 0; i < matches.size(); ++i) {
        const bool fits = matches[i].FitsListener(listener) && matches[i].FitsCommand(CommandAt(protocol, command));
        if (fits) candidates_.push_back(i);
      }
      range.count = static_cast<uint32_t>(candidates_.size()) - range.first;
    }
  }
}

std::vector<std::string> UnknownCommandWords(const conf::Config& config) {
  std::vector<std::string> errors;
  for (size_t i = 0; i < config.limits.size(); ++i) {
    CheckWords(config.limits[i].match, "limits[" + std::to_string(i) + "].match", &errors);
  }
  for (size_t i = 0; i < config.priority.size(); ++i) {
    CheckWords(config.priority[i], "priority[" + std::to_string(i) + "]", &errors);
  }
  return errors;
}

}  // namespace ringproxy::proxy
