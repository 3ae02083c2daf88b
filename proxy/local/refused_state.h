// proxy/local/refused_state.h – What state of a client's connection has nearly every command refused, or looked at.
//
// Purpose: before a login, and in RESP2 while the client listens to channels, only few commands are executed, whatever
// else their rows say; one that monitors touches no keys; one that was told to move binds nothing to a connection that
// it leaves. While anybody monitors, all that clients say is told. Threads: its session's. Pure: it owns nothing and
// reads no clock.
#pragma once

#include <cstdint>

#include "backends/wire/command.h"

namespace ringproxy::proxy {

class RefusedState {
 public:
  // Why a well-formed request must not be executed on this connection.
  enum class Reason : uint8_t { kNone, kNoAuth, kListens, kMonitors, kMoves };

  Reason ReasonAgainst(const wire::CommandSpec& spec) const { return is_clear() ? Reason::kNone : ReasonOf(spec); }
  // No request is refused or told for it.
  bool is_clear() const { return marks_ == 0; }
  // Until it has logged in, only what a login needs is not refused.
  void NeedLogin() { Set(kNeedsLogin, true); }
  void LogIn() { Set(kNeedsLogin, false); }
  bool needs_login() const { return (marks_ & kNeedsLogin) != 0; }
  // It has subscribed to something, and may still be: in RESP2 such a client is refused nearly everything.
  void NoteListens(bool may_listen) { Set(kMayListen, may_listen); }
  bool may_listen() const { return (marks_ & kMayListen) != 0; }
  // It has said MONITOR.
  void NoteMonitors() { Set(kMonitors, true); }
  bool monitors() const { return (marks_ & kMonitors) != 0; }
  // It was told that the proxy ends, and may go to another connection at any moment.
  void NoteMoves() { Set(kMoves, true); }
  bool moves() const { return (marks_ & kMoves) != 0; }
  // Somebody monitors what it says.
  void Follow(bool is_followed) { Set(kIsFollowed, is_followed); }
  bool is_followed() const { return (marks_ & kIsFollowed) != 0; }
  // What others have asked for stays.
  void Clear() { marks_ &= kIsFollowed | kMoves; }

 private:
  enum Mark : uint8_t { kNeedsLogin = 1, kMayListen = 2, kMonitors = 4, kIsFollowed = 8, kMoves = 16 };

  void Set(Mark mark, bool on) { marks_ = static_cast<uint8_t>(on ? marks_ | mark : marks_ & ~mark); }
  Reason ReasonOf(const wire::CommandSpec& spec) const;

  // In one byte, which each request looks at.
  uint8_t marks_ = 0;
};

}  // namespace ringproxy::proxy
