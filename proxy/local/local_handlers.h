// proxy/local/local_handlers.h – What the files that answer local commands share; nobody else includes it.
#pragma once

#include <string>
#include <string_view>

#include "proxy/local/local_commands.h"

namespace ringproxy::proxy {

// The Redis whose commands are in the table: what INFO and HELLO call redis_version, by which clients choose features.
inline constexpr std::string_view kRedisVersion = "7.0.0";

struct LocalCall {
  const wire::Request& request;
  ClientState& client;
  const ProxyView& view;
  std::string* out;
};

using LocalHandler = LocalOutcome (*)(const LocalCall&);

// client_command.cc
LocalOutcome AnswerClientGetName(const LocalCall& call);
LocalOutcome AnswerClientHelp(const LocalCall& call);
LocalOutcome AnswerClientId(const LocalCall& call);
LocalOutcome AnswerClientInfo(const LocalCall& call);
LocalOutcome AnswerClientList(const LocalCall& call);
LocalOutcome AnswerClientNoEvict(const LocalCall& call);
LocalOutcome AnswerClientReply(const LocalCall& call);
LocalOutcome AnswerClientSetInfo(const LocalCall& call);
LocalOutcome AnswerClientSetName(const LocalCall& call);
// False, and an error appended, if `name` may not be a client's name. An empty one takes the name away.
bool SetClientName(std::string_view name, ClientState& client, std::string* out);

// command_command.cc
LocalOutcome AnswerCommand(const LocalCall& call);
LocalOutcome AnswerCommandCount(const LocalCall& call);
LocalOutcome AnswerCommandHelp(const LocalCall& call);
LocalOutcome AnswerCommandInfo(const LocalCall& call);
LocalOutcome AnswerCommandList(const LocalCall& call);

// connection_commands.cc
LocalOutcome AnswerAsking(const LocalCall& call);
LocalOutcome AnswerAuth(const LocalCall& call);
LocalOutcome AnswerDiscard(const LocalCall& call);
LocalOutcome AnswerEcho(const LocalCall& call);
LocalOutcome AnswerExec(const LocalCall& call);
LocalOutcome AnswerHello(const LocalCall& call);
LocalOutcome AnswerPing(const LocalCall& call);
LocalOutcome AnswerQuit(const LocalCall& call);
LocalOutcome AnswerReadOnly(const LocalCall& call);
LocalOutcome AnswerReset(const LocalCall& call);
LocalOutcome AnswerSelect(const LocalCall& call);
LocalOutcome AnswerUnwatch(const LocalCall& call);

// info_command.cc
LocalOutcome AnswerInfo(const LocalCall& call);

}  // namespace ringproxy::proxy
