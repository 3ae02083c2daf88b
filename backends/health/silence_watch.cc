#include "backends/health/silence_watch.h"

#include <algorithm>

namespace ringproxy::backends {

net::TimePoint SilenceWatch::Look(net::TimePoint since) {
  const net::TimePoint now = clock_.now();
  const net::Duration patience = settings_.check_timeout;
  const net::TimePoint due = std::max({since, heard_, told_}) + patience;
  if (due > now) return due;
  told_ = now;
  // The first question counts: asking again must not put off the moment when the silence counts unanswered.
  if (!asked_) asked_until_ = now + kLongestCheck + patience;
  asked_ = true;
  breaker_.TellSilence();
  return now + patience;
}

}  // namespace ringproxy::backends
