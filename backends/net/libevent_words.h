// backends/net/libevent_words.h – What libevent has to say, for whoever keeps a log: by default it writes to stderr
// itself, and ends the process without a word of ours.
//
// Threads: set once for the whole process, before its first loop; then called on any.
#pragma once

namespace ringproxy::net {

enum class LibeventWord {
  kNote,
  kWarning,
  kLast,  // It cannot go on.
};

// `end` follows a kLast and does not return. Debugging libevent is not what a log is for: those words are left out.
void HearLibevent(void (*say)(LibeventWord word, const char* text), void (*end)());

}  // namespace ringproxy::net
