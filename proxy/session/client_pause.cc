#include "proxy/session/client_pause.h"

#include <algorithm>

namespace ringproxy::proxy {
namespace {

// What a server would tell its replicas: also what publishes, and PFCOUNT, which keeps in its key what it has counted.
bool MayReplicate(const wire::CommandSpec& spec) {
  const bool publishes = spec.handling == wire::Handling::kPubSub && spec.within_multi == wire::WithinMulti::kQueued;
  return publishes || spec.access == wire::Access::kWrite || spec.flags.starts_with("write") ||
         spec.categories == "hyperloglog";
}

bool WritesAtExec(const ClientState& client) {
  bool writes = false;
  if (client.transaction) {
    client.transaction->ForEach(
        [&writes](const wire::CommandSpec& spec, const wire::Request&) { writes |= MayReplicate(spec); });
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
  return MayReplicate(*spec) || (spec->name == "exec" && WritesAtExec(client));
}

void ClientPause::Extend(HeldCommands commands, net::TimePoint end) {
  until = is_on() ? std::max(until, end) : end;
  held = std::max(held, commands);
}

}  // namespace ringproxy::proxy
