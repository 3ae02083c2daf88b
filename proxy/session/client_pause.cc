#include "proxy/session/client_pause.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace ringproxy::proxy {
namespace {

// By the first line of its text, as Redis reads it: "#!lua flags=no-writes,allow-stale".
bool DeclaresNoWrites(std::string_view script) {
  constexpr std::string_view kFlags = " flags=";
  if (!script.starts_with("#!")) return false;
  const std::string_view line = script.substr(0, script.find_first_of("\r\n"));
  const size_t at = line.find(kFlags);
  if (at == std::string_view::npos) return false;
  std::string flags(line.substr(at + kFlags.size()));
  flags = "," + flags.substr(0, flags.find(' ')) + ",";
  return flags.find(",no-writes,") != std::string::npos;
}

// What a server would tell its replicas: also what publishes, and PFCOUNT, which keeps in its key what it has counted.
bool MayReplicate(const wire::CommandSpec& spec, const wire::Request& request) {
  // Only where the request brings its text; of what was loaded before only the node knows.
  if (spec.handling == wire::Handling::kScript && DeclaresNoWrites(request[1])) return false;
  const bool publishes = spec.handling == wire::Handling::kPubSub && spec.within_multi == wire::WithinMulti::kQueued;
  return publishes || spec.access == wire::Access::kWrite || spec.flags.starts_with("write") ||
         spec.categories == "hyperloglog";
}

bool WritesAtExec(const ClientState& client) {
  bool writes = false;
  if (client.transaction) {
    client.transaction->ForEach([&writes](const wire::CommandSpec& spec, const wire::Request& request) {
      writes |= MayReplicate(spec, request);
    });
  }
  return writes;
}

}  // namespace

bool ClientPause::Holds(const wire::CommandSpec* spec, const wire::Request& request, const ClientState& client) const {
  // What reads an error about its own words may read it now.
  const bool is_whole = spec != nullptr && wire::CheckShape(*spec, request) == wire::Shape::kOk;
  if (!is_whole) return held == HeldCommands::kAll;
  const bool is_about_pauses = spec->name == "client|pause" || spec->name == "client|unpause";
  // Who comes to end the pause may have to log in.
  if (is_about_pauses || spec->name == "auth" || spec->name == "hello" || spec->name == "quit") return false;
  if (held == HeldCommands::kAll) return true;
  return MayReplicate(*spec, request) || (spec->name == "exec" && WritesAtExec(client));
}

void ClientPause::Extend(HeldCommands commands, net::TimePoint end) {
  until = is_on() ? std::max(until, end) : end;
  held = std::max(held, commands);
}

}  // namespace ringproxy::proxy
