// proxy/local/local_handlers.h – What the files that answer local commands share; nobody else includes it.
#pragma once

#include <string>
#include <string_view>

#include "proxy/local/local_commands.h"

namespace ringproxy::proxy {

struct LocalCall {
  const wire::Request& request;
  ClientState& client;
  const ListenerFacts& listener;
  const ProxyView& view;
  std::string* out;

  // Of the reply.
  uint8_t protocol() const { return client.flavour.protocol; }
  FleetReleases nodes() const { return view.ReleasesOf(listener.index); }
  // By this clients choose features.
  backends::ServerVersion redis_version() const {
    const backends::ServerVersion least = nodes().least();
    return least.is_known() ? least : kTableVersion;
  }
};

using LocalHandler = LocalOutcome (*)(const LocalCall&);

// client_command.cc
LocalOutcome AnswerClientCapa(const LocalCall& call);
LocalOutcome AnswerClientGetName(const LocalCall& call);
LocalOutcome AnswerClientGetRedir(const LocalCall& call);
LocalOutcome AnswerClientHelp(const LocalCall& call);
LocalOutcome AnswerClientId(const LocalCall& call);
LocalOutcome AnswerClientMaintenance(const LocalCall& call);
LocalOutcome AnswerClientNoEvict(const LocalCall& call);
LocalOutcome AnswerClientNoTouch(const LocalCall& call);
LocalOutcome AnswerClientReply(const LocalCall& call);
LocalOutcome AnswerClientSetInfo(const LocalCall& call);
LocalOutcome AnswerClientSetName(const LocalCall& call);
LocalOutcome AnswerClientTracking(const LocalCall& call);
LocalOutcome AnswerClientTrackingInfo(const LocalCall& call);
// False, and an error appended, if `name` may not be a client's name.
bool IsClientName(std::string_view name, std::string* out);
// An empty one takes the name away.
void SetClientName(std::string_view name, ClientState& client);

// command_command.cc
LocalOutcome AnswerCommand(const LocalCall& call);
LocalOutcome AnswerCommandCount(const LocalCall& call);
LocalOutcome AnswerCommandHelp(const LocalCall& call);
LocalOutcome AnswerCommandInfo(const LocalCall& call);
LocalOutcome AnswerCommandList(const LocalCall& call);

// connection_commands.cc
LocalOutcome AnswerNoCluster(const LocalCall& call);
LocalOutcome AnswerDiscard(const LocalCall& call);
LocalOutcome AnswerEcho(const LocalCall& call);
LocalOutcome AnswerExec(const LocalCall& call);
LocalOutcome AnswerMulti(const LocalCall& call);
LocalOutcome AnswerPing(const LocalCall& call);
LocalOutcome AnswerQuit(const LocalCall& call);
LocalOutcome AnswerReadOnly(const LocalCall& call);
LocalOutcome AnswerSelect(const LocalCall& call);
LocalOutcome AnswerUnwatch(const LocalCall& call);

// login_commands.cc
LocalOutcome AnswerAuth(const LocalCall& call);
LocalOutcome AnswerHello(const LocalCall& call);
LocalOutcome AnswerReset(const LocalCall& call);

}  // namespace ringproxy::proxy
