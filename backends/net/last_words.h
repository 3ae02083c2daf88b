// backends/net/last_words.h – What becomes of the last that is written to a peer which has ended its side.
//
// Purpose: such a peer may still read, or be gone. Its kernel answers bytes for a socket that is gone by a reset. But a
// peer that has read them may reset the connection as well; so they leave together with the end, which a peer that is
// there acknowledges at once: then nothing of it can come any more. A reset therefore says that the peer has not got
// the last of these bytes. Threads: any, as the socket's owner has it.
#pragma once

#include <cstdint>

namespace ringproxy::net {

enum class LastWords : uint8_t {
  kUnderWay,  // Not known yet.
  kTaken,     // They are with the peer; or nobody can tell.
  kRefused,   // The peer cannot read all of them.
};

// What is written from now on leaves no earlier than the end that follows. No socket: nothing happens.
void HoldForEnd(int socket);

// After that end. To be asked until it is known: the kernel tells of a reset once.
LastWords LastWordsOf(int socket);

}  // namespace ringproxy::net
