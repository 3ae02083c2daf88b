// CLIENT: who is connected, and what each client tells of itself.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <vector>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/integer.h"
#include "backends/wire/memcache_command.h"
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
    "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]",
    "    Return information about the client connections of this worker of the proxy.",
    "MAINT_NOTIFICATIONS (ON [MOVING-ENDPOINT-TYPE <type>]|OFF)",
    "    Accepted; the proxy sends none.",
    "NO-EVICT (ON|OFF)",
    "    Accepted; the proxy evicts no clients.",
    "NO-TOUCH (ON|OFF)",
    "    Accepted without an effect: nodes cannot tell whose reads touch a key.",
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

std::string_view NameOf(uint16_t command) {
  const auto redis = wire::RedisCommands();
  if (command == ClientState::kNoCommand) return "NULL";
  return command < redis.size() ? redis[command].name : wire::MemcacheCommands()[command - redis.size()].command.name;
}

int64_t SecondsSince(net::TimePoint then, net::TimePoint now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
}

// One line of CLIENT LIST: Redis' fields in Redis' order, without those that have no meaning here. The buffers' sizes
// are not counted per client, yet stand there as zeros: clients read them as numbers, and some fail without them.
void AppendLine(const ClientState& client, net::TimePoint now, std::string* text) {
  static const ClientLabels kNone;
  const ClientLabels& labels = client.labels ? *client.labels : kNone;
  text->append("id=").append(std::to_string(client.id));
  text->append(" addr=").append(client.address);
  text->append(" name=").append(labels.name);
  text->append(" age=").append(std::to_string(SecondsSince(client.connected_at, now)));
  text->append(" idle=").append(std::to_string(SecondsSince(client.last_active, now)));
  text->append(" flags=").append(client.no_evict ? "e" : "").append(client.no_touch ? "T" : "");
  if (!client.no_evict && !client.no_touch) text->append("N");
  text->append(" db=").append(std::to_string(client.flavour.database));
  text->append(" sub=0 psub=0 ssub=0 multi=");
  text->append(client.transaction ? std::to_string(client.transaction->queued()) : "-1");
  text->append(" qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0");
  text->append(" obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=");
  text->append(NameOf(client.last_command));
  text->append(" user=default redir=-1 resp=").append(std::to_string(client.flavour.protocol));
  text->append(" lib-name=").append(labels.lib_name);
  text->append(" lib-ver=").append(labels.lib_version).append("\n");
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

// Which clients CLIENT LIST was asked for.
struct ListFilter {
  bool everybody = true;  // False: a type that no client of ringproxy has.
  std::vector<int64_t> ids;
  bool by_id = false;
};

// False, and an error appended, if the arguments are not right.
bool ReadType(std::string_view type, ListFilter* filter, std::string* out) {
  constexpr std::string_view kOtherTypes[] = {"master", "replica", "slave", "pubsub"};
  const auto is_type = [type](std::string_view known) { return wire::EqualsIgnoringCase(type, known); };
  filter->everybody = is_type("normal");
  if (filter->everybody || std::ranges::any_of(kOtherTypes, is_type)) return true;
  wire::AppendError(std::string("ERR Unknown client type '").append(type).append("'"), out);
  return false;
}

bool ReadFilter(const wire::Request& request, ListFilter* filter, std::string* out) {
  if (request.size() == 2) return true;
  if (request.size() == 4 && wire::EqualsIgnoringCase(request[2], "type")) return ReadType(request[3], filter, out);
  if (request.size() < 4 || !wire::EqualsIgnoringCase(request[2], "id")) {
    wire::AppendError("ERR syntax error", out);
    return false;
  }
  filter->by_id = true;
  for (size_t i = 3; i < request.size(); ++i) {
    const std::optional<int64_t> id = wire::ParseInteger(request[i]);
    if (!id) {
      wire::AppendError("ERR Invalid client ID", out);
      return false;
    }
    filter->ids.push_back(*id);
  }
  return true;
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

LocalOutcome AnswerClientInfo(const LocalCall& call) {
  std::string line;
  AppendLine(call.client, call.view.now(), &line);
  wire::AppendText(line, call.protocol(), call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientList(const LocalCall& call) {
  ListFilter filter;
  if (!ReadFilter(call.request, &filter, call.out)) return LocalOutcome::kAnswered;
  // A client may give thousands of numbers, and each client of the worker is looked for among them.
  std::ranges::sort(filter.ids);
  std::string lines;
  call.view.ForEachClient([&](const ClientState& client) {
    const bool wanted = !filter.by_id || std::ranges::binary_search(filter.ids, static_cast<int64_t>(client.id));
    if (filter.everybody && wanted) AppendLine(client, call.view.now(), &lines);
  });
  wire::AppendText(lines, call.protocol(), call.out);
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
