// CLIENT: what each client tells of itself. What is about others is client_question's.
#include <algorithm>
#include <iterator>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kClientHelp[] = {
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAPA <option> [<option> ...]",
    "    Accepted; the proxy redirects nobody.",
    "GETNAME",
    "    Return the name of the current connection.",
    "GETREDIR",
    "    Return -1: tracking is off.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>. Needs admin_commands, as the next form does.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections of this listener. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "    * USER <username>",
    "    * SKIPME (YES|NO)",
    "    * ID <client id>",
    "    * MAXAGE <seconds>",
    "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]",
    "    Return information about the client connections of this listener.",
    "MAINT_NOTIFICATIONS (ON [MOVING-ENDPOINT-TYPE <type>]|OFF)",
    "    Accepted; the proxy sends none.",
    "NO-EVICT (ON|OFF)",
    "    Accepted; the proxy evicts no clients.",
    "NO-TOUCH (ON|OFF)",
    "    Accepted without an effect: nodes cannot tell whose reads touch a key.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Hold all, or just write, commands of this listener's clients for <timeout> milliseconds. Needs "
    "admin_commands.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO (LIB-NAME|LIB-VER) <value>",
    "    Tell the client library and its version, for CLIENT LIST.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "TRACKING OFF",
    "    Accepted; tracking cannot be turned on here.",
    "TRACKINGINFO",
    "    Report that tracking is off.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client of this listener.",
    "UNPAUSE",
    "    Stop the current pause. Needs admin_commands.",
    "HELP",
    "    Print this help.",
};

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

ClientLabels& LabelsOf(ClientState& client) {
  if (!client.labels) client.labels = std::make_unique<ClientLabels>();
  return *client.labels;
}

// The third word of a request, answered by OK or by an error.
std::optional<bool> ReadOnOrOff(const LocalCall& call) {
  const bool on = wire::EqualsIgnoringCase(call.request[2], "on");
  if (!on && !wire::EqualsIgnoringCase(call.request[2], "off")) {
    wire::AppendError("ERR syntax error", call.out);
    return std::nullopt;
  }
  wire::AppendSimple("OK", call.out);
  return on;
}

}  // namespace

bool IsClientName(std::string_view name, std::string* out) {
  if (IsPrintable(name)) return true;
  wire::AppendError("ERR Client names cannot contain spaces, newlines or special characters.", out);
  return false;
}

void SetClientName(std::string_view name, ClientState& client) {
  // A client that has no labels must not get any only to have no name.
  if (!name.empty() || client.labels) LabelsOf(client).name = name;
}

LocalOutcome AnswerClientSetName(const LocalCall& call) {
  if (!IsClientName(call.request[2], call.out)) return LocalOutcome::kAnswered;
  SetClientName(call.request[2], call.client);
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientGetName(const LocalCall& call) {
  if (call.client.labels && !call.client.labels->name.empty()) {
    wire::AppendBulk(call.client.labels->name, call.out);
  } else {
    wire::AppendNil(call.protocol(), call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientSetInfo(const LocalCall& call) {
  const std::string_view option = call.request[2];
  const bool is_name = wire::EqualsIgnoringCase(option, "lib-name");
  if (!is_name && !wire::EqualsIgnoringCase(option, "lib-ver")) {
    wire::AppendError(std::string("ERR Unrecognized option '").append(option).append("'"), call.out);
  } else if (!IsPrintable(call.request[3])) {
    wire::AppendError(
        std::string("ERR ").append(option).append(" cannot contain spaces, newlines or special characters."), call.out);
  } else {
    ClientLabels& labels = LabelsOf(call.client);
    (is_name ? labels.lib_name : labels.lib_version) = call.request[3];
    wire::AppendSimple("OK", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientId(const LocalCall& call) {
  wire::AppendInteger(static_cast<int64_t>(call.client.id), call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientNoEvict(const LocalCall& call) {
  if (const std::optional<bool> on = ReadOnOrOff(call)) call.client.no_evict = *on;
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientNoTouch(const LocalCall& call) {
  if (const std::optional<bool> on = ReadOnOrOff(call)) call.client.no_touch = *on;
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientHelp(const LocalCall& call) {
  wire::AppendArrayHeader(std::size(kClientHelp), call.out);
  for (const std::string_view line : kClientHelp) wire::AppendSimple(line, call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientReply(const LocalCall& call) {
  const std::string_view wish = call.request[2];
  ClientState& client = call.client;
  if (wire::EqualsIgnoringCase(wish, "on")) {
    client.reply_mode = ReplyMode::kOn;
    wire::AppendSimple("OK", call.out);
  } else if (wire::EqualsIgnoringCase(wish, "off")) {
    client.reply_mode = ReplyMode::kOff;
  } else if (!wire::EqualsIgnoringCase(wish, "skip")) {
    wire::AppendError("ERR syntax error", call.out);
  } else if (client.reply_mode != ReplyMode::kOff) {
    // Within OFF a SKIP does nothing: it must not turn the replies behind it on again.
    client.reply_mode = ReplyMode::kSkipNext;
  }
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
