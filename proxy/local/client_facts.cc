#include "proxy/local/client_facts.h"

#include <chrono>

#include "backends/wire/command.h"
#include "backends/wire/memcache_command.h"

namespace ringproxy::proxy {
namespace {

std::chrono::seconds SecondsSince(net::TimePoint then, net::TimePoint now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now - then);
}

std::string_view NameOf(uint16_t command) {
  const auto redis = wire::RedisCommands();
  if (command == ClientState::kNoCommand) return "NULL";
  return command < redis.size() ? redis[command].name : wire::MemcacheCommands()[command - redis.size()].command.name;
}

std::string FlagsOf(const ClientFacts& facts) {
  std::string flags;
  if (facts.client.refused.monitors()) flags += 'O';
  if (facts.listens()) flags += 'P';
  if (facts.client.transaction) flags += 'x';
  if (facts.is_blocked()) flags += 'b';
  if (facts.is_leaving) flags += 'c';
  if (facts.is_unix()) flags += 'U';
  if (facts.client.no_evict) flags += 'e';
  if (facts.client.no_touch) flags += 'T';
  return flags.empty() ? "N" : flags;
}

}  // namespace

std::chrono::seconds ClientFacts::AgeAt(net::TimePoint now) const {
  return SecondsSince(client.connected_at, now);
}

void AppendClientLine(const ClientFacts& facts, net::TimePoint now, std::string* text) {
  static const ClientLabels kNone;
  const ClientState& client = facts.client;
  const ClientLabels& labels = client.labels ? *client.labels : kNone;
  const auto field = [text](std::string_view name, std::string_view value) {
    text->append(name).append("=").append(value).append(" ");
  };
  const auto number = [&field](std::string_view name, int64_t value) { field(name, std::to_string(value)); };
  const auto size = [&number](std::string_view name, size_t value) { number(name, static_cast<int64_t>(value)); };
  const size_t transaction_bytes = client.transaction ? client.transaction->held_bytes() : 0;
  number("id", static_cast<int64_t>(client.id));
  field("addr", client.address);
  field("laddr", facts.stream.local_address());
  number("fd", facts.stream.descriptor());
  field("name", labels.name);
  number("age", facts.AgeAt(now).count());
  number("idle", SecondsSince(client.last_active, now).count());
  field("flags", FlagsOf(facts));
  number("db", client.flavour.database);
  size("sub", facts.subscriptions[static_cast<size_t>(TopicKind::kChannel)]);
  size("psub", facts.subscriptions[static_cast<size_t>(TopicKind::kPattern)]);
  size("ssub", facts.subscriptions[static_cast<size_t>(TopicKind::kShard)]);
  number("multi", client.transaction ? static_cast<int64_t>(client.transaction->queued()) : -1);
  size("qbuf", facts.request_bytes);
  text->append("qbuf-free=0 argv-mem=0 ");
  size("multi-mem", transaction_bytes);
  text->append("rbs=0 rbp=0 obl=0 oll=0 ");
  size("omem", facts.reply_bytes);
  size("tot-mem", facts.request_memory + transaction_bytes + facts.reply_bytes);
  field("events", facts.reply_bytes > 0 ? "rw" : "r");
  field("cmd", NameOf(client.last_command));
  text->append("user=default redir=-1 ");
  number("resp", client.flavour.protocol);
  field("lib-name", labels.lib_name);
  text->append("lib-ver=").append(labels.lib_version).append("\n");
}

}  // namespace ringproxy::proxy
