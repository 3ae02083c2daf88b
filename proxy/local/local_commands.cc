#include "proxy/local/local_commands.h"

#include <array>
#include <cassert>
#include <optional>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
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

// What a server says which has loaded no module. Consoles ask it.
LocalOutcome AnswerEmptyArray(const LocalCall& call) {
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerWhoAmI(const LocalCall& call) {
  wire::AppendBulk("default", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerMemoryDoctor(const LocalCall& call) {
  wire::AppendText("ringproxy keeps no data, so there is no memory to look at; ask its nodes.\n", call.protocol(),
                   call.out);
  return LocalOutcome::kAnswered;
}

struct HandlerRow {
  std::string_view name;
  LocalHandler handler;
};

constexpr HandlerRow kHandlers[] = {
    {"acl|whoami", AnswerWhoAmI},
    {"asking", AnswerNoCluster},
    {"auth", AnswerAuth},
    {"client|capa", AnswerClientCapa},
    {"client|getname", AnswerClientGetName},
    {"client|getredir", AnswerClientGetRedir},
    {"client|help", AnswerClientHelp},
    {"client|id", AnswerClientId},
    {"client|maint_notifications", AnswerClientMaintenance},
    {"client|no-evict", AnswerClientNoEvict},
    {"client|no-touch", AnswerClientNoTouch},
    {"client|reply", AnswerClientReply},
    {"client|setinfo", AnswerClientSetInfo},
    {"client|setname", AnswerClientSetName},
    {"client|tracking", AnswerClientTracking},
    {"client|trackinginfo", AnswerClientTrackingInfo},
    {"cluster|info", AnswerNoCluster},
    {"command", AnswerCommand},
    {"command|count", AnswerCommandCount},
    {"command|help", AnswerCommandHelp},
    {"command|info", AnswerCommandInfo},
    {"command|list", AnswerCommandList},
    {"discard", AnswerDiscard},
    {"echo", AnswerEcho},
    {"exec", AnswerExec},
    {"hello", AnswerHello},
    {"memory|doctor", AnswerMemoryDoctor},
    {"module|list", AnswerEmptyArray},
    {"multi", AnswerMulti},
    {"ping", AnswerPing},
    {"quit", AnswerQuit},
    {"readonly", AnswerReadOnly},
    {"readwrite", AnswerReadOnly},
    {"reset", AnswerReset},
    {"role", AnswerRole},
    {"select", AnswerSelect},
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
  SetAddress(std::move(address), &client);
  if (!user.empty()) {
    client.labels = std::make_unique<ClientLabels>();
    client.labels->user = std::move(user);
  }
  return client;
}

void EnterDatabase(uint16_t database, ClientState* client) {
  client->has_left_database |= database != client->flavour.database;
  client->flavour.database = database;
}

void SetAddress(std::string address, ClientState* client) {
  const std::string_view host = std::string_view(address).substr(0, address.rfind(':'));
  // The address of an IPv6 peer is written as [::1]:50412.
  const bool has_brackets = host.starts_with('[') && host.ends_with(']');
  client->ip = conf::ParseIp(has_brackets ? host.substr(1, host.size() - 2) : host).value_or(conf::IpAddress{});
  client->address = std::move(address);
}

LocalOutcome AnswerLocally(const wire::CommandSpec& spec, const wire::Request& request, ClientState& client,
                           const ListenerFacts& listener, const ProxyView& view, std::string* out) {
  static const std::vector<LocalHandler> handlers = HandlersByIndex();
  return handlers[wire::CommandIndex(spec)]({request, client, listener, view, out});
}

}  // namespace ringproxy::proxy
