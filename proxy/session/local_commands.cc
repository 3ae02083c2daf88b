#include "proxy/session/local_commands.h"

#include <array>
#include <cassert>
#include <optional>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/glob.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/session/local_handlers.h"

namespace ringproxy::proxy {
namespace {

LocalOutcome AnswerPing(const LocalCall& call) {
  // The table cannot say "at most one argument".
  if (call.request.size() > 2) {
    wire::AppendWrongArity("ping", call.out);
  } else if (call.request.size() == 2) {
    wire::AppendBulk(call.request[1], call.out);
  } else {
    wire::AppendSimple("PONG", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerEcho(const LocalCall& call) {
  wire::AppendBulk(call.request[1], call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerQuit(const LocalCall& call) {
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kCloseAfterReply;
}

LocalOutcome AnswerReset(const LocalCall& call) {
  if (call.client.labels) call.client.labels->name.clear();  // The library behind the connection stays the same.
  call.client.no_evict = false;
  wire::AppendSimple("RESET", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerSelect(const LocalCall& call) {
  const std::optional<int64_t> database = wire::ParseInteger(call.request[1]);
  if (!database) {
    wire::AppendError("ERR value is not an integer or out of range", call.out);
  } else if (*database < 0) {
    wire::AppendError("ERR DB index is out of range", call.out);
  } else if (*database > 0) {
    wire::AppendNotSupported(
        "select", "there is only database 0; give the keys a prefix, or the data a pool of its own", call.out);
  } else {
    wire::AppendSimple("OK", call.out);
  }
  return LocalOutcome::kAnswered;
}

// The options after HELLO's version. False, and an error appended, if they are not right.
bool ReadHelloOptions(const LocalCall& call, std::optional<std::string_view>* name) {
  const wire::Request& request = call.request;
  for (size_t i = 2; i < request.size(); ++i) {
    const size_t more = request.size() - i - 1;
    if (more >= 2 && wire::EqualsIgnoringCase(request[i], "auth")) {
      wire::AppendNotSupported(
          "hello auth",
          "clients are not authenticated by ringproxy yet; the nodes' password stands in its configuration", call.out);
      return false;
    }
    if (more == 0 || !wire::EqualsIgnoringCase(request[i], "setname")) {
      wire::AppendError(std::string("ERR Syntax error in HELLO option '").append(request[i]).append("'"), call.out);
      return false;
    }
    *name = request[++i];
  }
  return true;
}

LocalOutcome AnswerHello(const LocalCall& call) {
  std::optional<std::string_view> name;
  if (call.request.size() > 1) {
    const std::optional<int64_t> version = wire::ParseInteger(call.request[1]);
    if (!version) {
      wire::AppendError("ERR Protocol version is not an integer or out of range", call.out);
      return LocalOutcome::kAnswered;
    }
    if (*version != 2) {
      wire::AppendError("NOPROTO unsupported protocol version: ringproxy speaks RESP2 only, so far", call.out);
      return LocalOutcome::kAnswered;
    }
    if (!ReadHelloOptions(call, &name)) return LocalOutcome::kAnswered;
  }
  if (name && !SetClientName(*name, call.client, call.out)) return LocalOutcome::kAnswered;
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"server", "redis"}, {"version", kRedisVersion}, {"mode", "standalone"}, {"role", "master"}};
  // Clients ask for fields by name, so their order is free.
  wire::AppendArrayHeader(2 * (std::size(kTexts) + 3), call.out);
  for (const auto& [field, value] : kTexts) {
    wire::AppendBulk(field, call.out);
    wire::AppendBulk(value, call.out);
  }
  wire::AppendBulk("proto", call.out);
  wire::AppendInteger(2, call.out);
  wire::AppendBulk("id", call.out);
  wire::AppendInteger(static_cast<int64_t>(call.client.id), call.out);
  wire::AppendBulk("modules", call.out);
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

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
      break;
    }
  }
  wire::AppendArrayHeader(count, call.out);
  call.out->append(found);
  return LocalOutcome::kAnswered;
}

struct HandlerRow {
  std::string_view name;
  LocalHandler handler;
};

constexpr HandlerRow kHandlers[] = {
    {"client|getname", AnswerClientGetName},
    {"client|help", AnswerClientHelp},
    {"client|id", AnswerClientId},
    {"client|info", AnswerClientInfo},
    {"client|list", AnswerClientList},
    {"client|no-evict", AnswerClientNoEvict},
    {"client|setinfo", AnswerClientSetInfo},
    {"client|setname", AnswerClientSetName},
    {"command", AnswerCommand},
    {"command|count", AnswerCommandCount},
    {"command|help", AnswerCommandHelp},
    {"command|info", AnswerCommandInfo},
    {"command|list", AnswerCommandList},
    {"config|get", AnswerConfigGet},
    {"echo", AnswerEcho},
    {"hello", AnswerHello},
    {"info", AnswerInfo},
    {"ping", AnswerPing},
    {"quit", AnswerQuit},
    {"reset", AnswerReset},
    {"role", AnswerRole},
    {"select", AnswerSelect},
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
