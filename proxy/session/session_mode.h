// proxy/session/session_mode.h – How far a client's connection has come.
//
//   kReading ⇄ kWaiting      A command of the client waits at a node: bytes are read, and kept, to see the client
//   leave. kReading ⇄ kPaused       A pause lasts while no further request may be taken: the client's bytes stay where
//   they are.
//   kReading ⇄ kHeld         CLIENT PAUSE holds the next request: as kWaiting.
//       ↓        ↓
//      kFinishing            No more requests: the client has ended its side, said QUIT, or cannot be understood, or
//      the
//       ↓                    proxy drains. What is under way is still answered. Every mode may go over to kClosed.
//      kClosed               Nothing is read or written any more; deleted at the end of the turn.
#pragma once

#include <cstdint>

namespace ringproxy::proxy {

enum class SessionMode : uint8_t { kReading, kWaiting, kHeld, kPaused, kFinishing, kClosed };

constexpr bool IsLegalMove(SessionMode from, SessionMode to) {
  switch (to) {
    case SessionMode::kReading: return from > SessionMode::kReading && from <= SessionMode::kPaused;
    case SessionMode::kWaiting:
    case SessionMode::kHeld: return from == SessionMode::kReading;
    case SessionMode::kPaused: return from < SessionMode::kPaused;
    case SessionMode::kFinishing: return from < SessionMode::kFinishing;
    case SessionMode::kClosed: return from != SessionMode::kClosed;
  }
  return false;
}

// Requests may still come, now or after a pause.
constexpr bool TakesRequests(SessionMode mode) {
  return mode < SessionMode::kFinishing;
}

constexpr bool WatchesReads(SessionMode mode) {
  return mode < SessionMode::kPaused;
}

// The client waits for what may take any time.
constexpr bool IsBlocked(SessionMode mode) {
  return mode == SessionMode::kWaiting || mode == SessionMode::kHeld;
}

}  // namespace ringproxy::proxy
