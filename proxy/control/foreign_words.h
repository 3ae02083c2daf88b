// proxy/control/foreign_words.h – What others would write to stderr goes through the log instead: libevent's lines, and
// the last words of a process that cannot go on. These are said before it aborts: by an exception that nobody catches,
// by libevent at its end, and by an assertion that fails.
//
// Threads: called once, before there are others; what it hears comes from any.
#pragma once

namespace ringproxy::proxy {

// For the rest of the process. Without a log, last words go to stderr as they are.
void LogForeignWords();

}  // namespace ringproxy::proxy
