#include "proxy/local/local_commands.h"

#include <array>
#include <cassert>
#include <optional>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/glob.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

LocalOutcome AnswerRole(const LocalCall& call) {
  // A master that has written nothing to its replicas, of which it has none.
  wire::AppendArrayHeader(3, call.out);
  wire::AppendBulk("master", call.out);
  wire::AppendInteger(0, call.out);
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerConfigGet(const LocalCall& call) {
  // What clients ask for when they connect and what is true of the proxy: the rest is each node's own.
  constexpr std::pair<std::string_view, std::string_view> kParameters[] = {
      {"appendonly", "no"}, {"databases", "1"}, {"save", ""}};
  std::string found;
  size_t count = 0;
  for (const auto& [name, value] : kParameters) {
    for (size_t i = 2; i < call.request.size(); ++i) {
      if (!wire::MatchesGlob(call.request[i], name, wire::Case::kIgnored)) continue;
      wire::AppendBulk(name, &found);
      wire::AppendBulk(value, &found);
      count += 2;
      // A parameter that several patterns match is told once.
      break;
    }
  }
  wire::AppendArrayHeader(count, call.out);
  call.out->append(found);
  return LocalOutcome::kAnswered;
}

// What a server says of which nothing has been slow, and which has loaded no module. Exporters and consoles ask it.
LocalOutcome AnswerEmptyArray(const LocalCall& call) {
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerSlowlogLength(const LocalCall& call) {
  wire::AppendInteger(0, call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerSlowlogGet(const LocalCall& call) {
  if (call.request.size() > 3) {
    std::string text = "ERR unknown subcommand or wrong number of arguments for '";
    wire::AppendError(text.append(call.request[1]).append("'. Try SLOWLOG HELP."), call.out);
    return LocalOutcome::kAnswered;
  }
  const std::optional<int64_t> count = call.request.size() < 3 ? 10 : wire::ParseInteger(call.request[2]);
  // -1 asks for all entries.
  if (count && *count >= -1) return AnswerEmptyArray(call);
  wire::AppendError("ERR count should be greater than or equal to -1", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerWhoAmI(const LocalCall& call) {
  wire::AppendBulk("default", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerMemoryDoctor(const LocalCall& call) {
  wire::AppendBulk("ringproxy keeps no data, so there is no memory to look at; ask its nodes.\n", call.out);
  return LocalOutcome::kAnswered;
}

struct HandlerRow {
  std::string_view name;
  LocalHandler handler;
};

constexpr HandlerRow kHandlers[] = {
    {"acl|whoami", AnswerWhoAmI},
    {"asking", AnswerAsking},
    {"auth", AnswerAuth},
    {"client|getname", AnswerClientGetName},
    {"client|help", AnswerClientHelp},
    {"client|id", AnswerClientId},
    {"client|info", AnswerClientInfo},
    {"client|list", AnswerClientList},
    {"client|no-evict", AnswerClientNoEvict},
    {"client|reply", AnswerClientReply},
    {"client|setinfo", AnswerClientSetInfo},
    {"client|setname", AnswerClientSetName},
    {"command", AnswerCommand},
    {"command|count", AnswerCommandCount},
    {"command|help", AnswerCommandHelp},
    {"command|info", AnswerCommandInfo},
    {"command|list", AnswerCommandList},
    {"config|get", AnswerConfigGet},
    {"discard", AnswerDiscard},
    {"echo", AnswerEcho},
    {"exec", AnswerExec},
    {"hello", AnswerHello},
    {"info", AnswerInfo},
    {"latency|latest", AnswerEmptyArray},
    {"memory|doctor", AnswerMemoryDoctor},
    {"module|list", AnswerEmptyArray},
    {"ping", AnswerPing},
    {"quit", AnswerQuit},
    {"readonly", AnswerReadOnly},
    {"readwrite", AnswerReadOnly},
    {"reset", AnswerReset},
    {"role", AnswerRole},
    {"select", AnswerSelect},
    {"slowlog|get", AnswerSlowlogGet},
    {"slowlog|len", AnswerSlowlogLength},
    {"unwatch", AnswerUnwatch},
};

// By CommandIndex, so that a PING costs no search. A local row without a handler ends the first local command.
std::vector<LocalHandler> HandlersByIndex() {
  std::vector<LocalHandler> handlers(wire::RedisCommands().size());
  for (const HandlerRow& row : kHandlers) {
    const wire::CommandSpec* spec = wire::FindRedisCommand(row.name);
    assert(spec != nullptr && spec->handling == wire::Handling::kLocal);
    handlers[wire::CommandIndex(*spec)] = row.handler;
  }
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    assert(spec.handling != wire::Handling::kLocal || handlers[wire::CommandIndex(spec)] != nullptr);
  }
  return handlers;
}

}  // namespace

ClientState NewClient(uint64_t id, std::string address, std::string user) {
  ClientState client;
  client.id = id;
  const std::string_view host = std::string_view(address).substr(0, address.rfind(':'));
  // The address of an IPv6 peer is written as [::1]:50412.
  const bool has_brackets = host.starts_with('[') && host.ends_with(']');
  client.ip = conf::ParseIp(has_brackets ? host.substr(1, host.size() - 2) : host).value_or(conf::IpAddress{});
  client.address = std::move(address);
  if (!user.empty()) {
    client.labels = std::make_unique<ClientLabels>();
    client.labels->user = std::move(user);
  }
  return client;
}

LocalOutcome AnswerLocally(const wire::CommandSpec& spec, const wire::Request& request, ClientState& client,
                           const ProxyView& view, std::string* out) {
  static const std::vector<LocalHandler> handlers = HandlersByIndex();
  return handlers[wire::CommandIndex(spec)]({request, client, view, out});
}

}  // namespace ringproxy::proxy
