#include "proxy/observe/told_merge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kSecrets[] = {"masterauth", "primaryauth", "requirepass", "tls-client-key-file-pass",
                                         "tls-key-file-pass"};

// Servers have different ones by their nature.
constexpr std::string_view kOfOneServer[] = {
    "aclfile",
    "appenddirname",
    "appendfilename",
    "availability-zone",
    "bind",
    "bind-source-addr",
    "dbfilename",
    "dir",
    "logfile",
    "masteruser",
    "pidfile",
    "port",
    "primaryuser",
    "proc-title-template",
    "replicaof",
    "slaveof",
    "syslog-ident",
    "tls-cert-file",
    "tls-client-cert-file",
    "tls-client-key-file",
    "tls-key-file",
    "tls-port",
    "unixsocket",
};
constexpr std::string_view kOfOneServerBegin[] = {"cluster-announce-", "cluster-config-", "replica-announce-",
                                                  "slave-announce-"};

// An error shows so much of a value, and so many values.
constexpr size_t kShownOfValue = 64;
constexpr size_t kShownValues = 16;

// No server has so many parameters, nor so many events. Beyond it a reply is a strange one.
constexpr size_t kMostSettings = 4096;
constexpr size_t kMostEvents = 4096;

// `parameter`: in lower case.
bool IsOfOneServer(std::string_view parameter) {
  return std::ranges::find(kOfOneServer, parameter) != std::end(kOfOneServer) || parameter.ends_with("_cpulist") ||
         std::ranges::any_of(kOfOneServerBegin, [&](std::string_view begin) { return parameter.starts_with(begin); });
}

std::string BadToldReply() {
  std::string text;
  wire::AppendRedisError({wire::ErrorCode::kBadReply}, &text);
  return text;
}

std::optional<std::string> FirstError(std::span<const ToldReply> told) {
  const auto failed = std::ranges::find_if(told, wire::IsError, &ToldReply::reply);
  return failed == told.end() ? std::nullopt : std::optional<std::string>(failed->reply);
}

// One parameter as the nodes have it, in their order.
struct ToldSetting {
  std::string_view name;                                              // As the first node spells it.
  std::string key;                                                    // In lower case, as nodes compare it.
  std::vector<std::pair<std::string_view, std::string_view>> values;  // Nodes, and what they say.

  bool agrees() const {
    return std::ranges::all_of(values, [&](const auto& value) { return value.second == values.front().second; });
  }
};

// From Redis 7.0 on a node echoes the name as the client has spelt it, so no comparison may regard case.
std::string InLowerCase(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), wire::ToLower);
  return lower;
}

// Nothing: some reply is no list of parameters and values, or far longer than any.
std::optional<std::vector<ToldSetting>> ReadSettings(std::span<const ToldReply> told) {
  std::vector<ToldSetting> settings;
  std::unordered_map<std::string, size_t> places;
  for (const ToldReply& one : told) {
    wire::ArrayReader reader(one.reply);
    if (!reader.is_array() || reader.remaining() % 2 != 0 || reader.remaining() / 2 > kMostSettings)
      return std::nullopt;
    while (reader.remaining() > 0) {
      const std::optional<std::string_view> name = wire::BulkReply(reader.Next());
      const std::optional<std::string_view> value = wire::BulkReply(reader.Next());
      if (!name || !value) return std::nullopt;
      const auto [place, is_new] = places.try_emplace(InLowerCase(*name), settings.size());
      if (is_new) settings.push_back({*name, place->first, {}});
      settings[place->second].values.emplace_back(one.node, *value);
    }
  }
  return settings;
}

std::string DifferError(const ToldSetting& setting) {
  std::map<std::string_view, std::string> nodes_by_value;
  for (const auto& [node, value] : setting.values) {
    std::string& nodes = nodes_by_value[value];
    nodes.append(nodes.empty() ? "" : " and ").append(node);
  }
  std::string words = std::string("ERR nodes differ in '").append(setting.name).append("': ");
  size_t shown = 0;
  for (const auto& [value, nodes] : nodes_by_value) {
    if (shown == kShownValues) {
      words.append(", and others");
      break;
    }
    words.append(shown++ > 0 ? ", " : "").append("'").append(value.substr(0, kShownOfValue)).append("' on ");
    words.append(nodes);
  }
  std::string text;
  wire::AppendError(words.append("; ask the nodes themselves"), &text);
  return text;
}

struct SlowEntry {
  int64_t at;
  std::string_view entry;
};

struct LatestEvent {
  std::string_view name;
  int64_t at = 0;
  int64_t latest = 0;
  int64_t most = 0;
};

// Nothing: it is no entry of LATENCY LATEST.
std::optional<LatestEvent> ReadLatest(std::string_view entry) {
  wire::ArrayReader fields(entry);
  if (!fields.is_array() || fields.remaining() < 4) return std::nullopt;
  const std::optional<std::string_view> name = wire::BulkReply(fields.Next());
  const std::optional<int64_t> at = wire::IntegerReply(fields.Next());
  const std::optional<int64_t> latest = wire::IntegerReply(fields.Next());
  const std::optional<int64_t> most = wire::IntegerReply(fields.Next());
  if (!name || !at || !latest || !most) return std::nullopt;
  return LatestEvent{*name, *at, *latest, *most};
}

}  // namespace

std::string MergeSettings(std::span<const ToldReply> told, const SettingsQuestion& question) {
  if (auto error = FirstError(told)) return *error;
  const auto settings = ReadSettings(told);
  if (!settings) return BadToldReply();
  const std::string databases = std::to_string(question.databases);
  std::string pairs;
  size_t count = 0;
  for (const ToldSetting& setting : *settings) {
    if (std::ranges::find(kSecrets, setting.key) != std::end(kSecrets)) continue;
    std::string_view value = setting.values.front().second;
    if (setting.key == "databases") {
      value = databases;
    } else if (!setting.agrees()) {
      const bool is_named = std::ranges::any_of(
          question.named, [&](std::string_view name) { return wire::EqualsIgnoringCase(name, setting.name); });
      if (is_named || !IsOfOneServer(setting.key)) return DifferError(setting);
      continue;
    }
    wire::AppendBulk(setting.name, &pairs);
    wire::AppendBulk(value, &pairs);
    ++count;
  }
  std::string text;
  wire::AppendMapHeader(count, question.protocol, &text);
  return text.append(pairs);
}

std::string MergeSlowLogs(std::span<const ToldReply> told, size_t most) {
  if (auto error = FirstError(told)) return *error;
  std::vector<SlowEntry> entries;
  for (const ToldReply& one : told) {
    wire::ArrayReader reader(one.reply);
    if (!reader.is_array()) return BadToldReply();
    while (reader.remaining() > 0) {
      const std::string_view entry = reader.Next();
      wire::ArrayReader fields(entry);
      if (!fields.is_array() || fields.remaining() < 2) return BadToldReply();
      fields.Next();  // Its number, which each node counts for itself.
      const std::optional<int64_t> at = wire::IntegerReply(fields.Next());
      if (!at) return BadToldReply();
      entries.push_back({*at, entry});
    }
  }
  // Stable: those of one second and one node stay as the node has them.
  std::ranges::stable_sort(entries, std::greater(), &SlowEntry::at);
  if (entries.size() > most) entries.resize(most);
  std::string text;
  wire::AppendArrayHeader(entries.size(), &text);
  for (const SlowEntry& one : entries) text.append(one.entry);
  return text;
}

std::string MergeLatest(std::span<const ToldReply> told) {
  if (auto error = FirstError(told)) return *error;
  std::vector<LatestEvent> events;
  std::unordered_map<std::string_view, size_t> places;
  for (const ToldReply& one : told) {
    wire::ArrayReader reader(one.reply);
    if (!reader.is_array() || reader.remaining() > kMostEvents) return BadToldReply();
    while (reader.remaining() > 0) {
      const std::optional<LatestEvent> event = ReadLatest(reader.Next());
      if (!event) return BadToldReply();
      const auto [place, is_new] = places.try_emplace(event->name, events.size());
      if (is_new) {
        events.push_back(*event);
        continue;
      }
      LatestEvent& known = events[place->second];
      const int64_t most = std::max(known.most, event->most);
      if (event->at > known.at) known = *event;
      known.most = most;
    }
  }
  std::string text;
  wire::AppendArrayHeader(events.size(), &text);
  for (const LatestEvent& event : events) {
    wire::AppendArrayHeader(4, &text);
    wire::AppendBulk(event.name, &text);
    for (const int64_t number : {event.at, event.latest, event.most}) wire::AppendInteger(number, &text);
  }
  return text;
}

}  // namespace ringproxy::proxy
