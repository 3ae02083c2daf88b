// proxy/local/refused_state.h – What state of a client's connection has nearly every command refused, or looked at.
//
// Purpose: before a login, and in RESP2 while the client listens to channels, only few commands are executed, whatever
// else their rows say; one that monitors touches no keys. While anybody monitors, all that clients say is told.
// Threads: its session's. Pure: it owns nothing and reads no clock.
#pragma once

#include <cstdint>

#include "backends/wire/command.h"

namespace ringproxy::proxy {

class RefusedState {
 public:
  // Why a well-formed request must not be executed on this connection.
  enum class Reason : uint8_t { kNone, kNoAuth, kListens, kMonitors };

  Reason ReasonAgainst(const wire::CommandSpec& spec) const { return is_clear() ? Reason::kNone : ReasonOf(spec); }
  // No request is refused or told for it.
  bool is_clear() const { return !needs_login_ && !may_listen_ && !monitors_ && !is_followed_; }
  // Until it has logged in, only what a login needs is not refused.
  void NeedLogin() { needs_login_ = true; }
  void LogIn() { needs_login_ = false; }
  bool needs_login() const { return needs_login_; }
  // It has subscribed to something, and may still be: in RESP2 such a client is refused nearly everything.
  void NoteListens(bool may_listen) { may_listen_ = may_listen; }
  bool may_listen() const { return may_listen_; }
  // It has said MONITOR.
  void NoteMonitors() { monitors_ = true; }
  bool monitors() const { return monitors_; }
  // Somebody monitors what it says.
  void Follow(bool is_followed) { is_followed_ = is_followed; }
  bool is_followed() const { return is_followed_; }
  // What others have asked for stays.
  void Clear() { needs_login_ = may_listen_ = monitors_ = false; }

 private:
  Reason ReasonOf(const wire::CommandSpec& spec) const;

  bool needs_login_ : 1 = false;
  bool may_listen_ : 1 = false;
  bool monitors_ : 1 = false;
  bool is_followed_ : 1 = false;
};

}  // namespace ringproxy::proxy
