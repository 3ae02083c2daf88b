// backends/own_trouble.h – Failures to get a connection that are this process's or its machine's own: no descriptor, no
// memory, no free port. They say nothing of the other end, so nobody holds them against a node.
//
// Counted for the whole process by what could not be done, and logged at most once a second.
// Threads: any.
#pragma once

#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

enum class Attempt : uint8_t { kAccept, kNode, kCheck, kAdmin };
inline constexpr Attempt kAttempts[] = {Attempt::kAccept, Attempt::kNode, Attempt::kCheck, Attempt::kAdmin};
const char* NameOf(Attempt attempt);

// By errno, or what else net/connect_error.h knows.
bool IsOwnTrouble(int error);
void NoteOwnTrouble(Attempt attempt, int error, net::TimePoint now);
uint64_t OwnTroubles(Attempt attempt);

}  // namespace ringproxy::backends
