// proxy/session/client_pause.h – What CLIENT PAUSE holds of one listener's clients in one worker.
//
// A client that is held keeps what it has sent, as far as it was read, and is read no further; what was under way goes
// on. Threads: the worker's.
#pragma once

#include <cstdint>

#include "backends/net/loop.h"
#include "backends/wire/command.h"
#include "backends/wire/request.h"
#include "proxy/local/local_commands.h"

namespace ringproxy::proxy {

struct ClientPause {
  enum class HeldCommands : uint8_t { kNone, kWrites, kAll };

  bool is_on() const { return held != HeldCommands::kNone; }
  // Whether the client's next request has to wait. `spec`: its row, if it has one. Never what ends the pause: a server
  // holds that too, and then nobody can.
  bool Holds(const wire::CommandSpec* spec, const wire::Request& request, const ClientState& client) const;
  // Another one while it is on: what holds more counts, and what ends later.
  void Extend(HeldCommands commands, net::TimePoint end);

  HeldCommands held = HeldCommands::kNone;
  net::TimePoint until{};
};

}  // namespace ringproxy::proxy
