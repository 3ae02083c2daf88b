#include "backends/net/libevent_words.h"

#include <event2/event.h>

namespace ringproxy::net {
namespace {

// libevent's callbacks carry no pointer to anything.
void (*say_word)(LibeventWord, const char*) = nullptr;
void (*end_process)() = nullptr;

void OnWord(int severity, const char* text) {
  switch (severity) {
    case EVENT_LOG_DEBUG: return;
    case EVENT_LOG_MSG: return say_word(LibeventWord::kNote, text);
    case EVENT_LOG_WARN: return say_word(LibeventWord::kWarning, text);
    // It warns of all that it survives.
    default: return say_word(LibeventWord::kLast, text);
  }
}

}  // namespace

void HearLibevent(void (*say)(LibeventWord word, const char* text), void (*end)()) {
  say_word = say;
  end_process = end;
  event_set_log_callback(OnWord);
  event_set_fatal_callback([](int) { end_process(); });
}

}  // namespace ringproxy::net
