// backends/wire/expiry_cap.h – How long what is written in another node's place may live.
//
// memcached's exptime is a number of seconds, or beyond 30 days a date; 0 is never, and what is negative has expired
// already. A date becomes the seconds that are left until then, so what a client wants to be gone is gone in time:
// never later than it asked, by this machine's clock, and never later than the cap.
// Threads: pure functions.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace ringproxy::wire {

// Beyond it memcached takes an exptime for a date.
inline constexpr std::chrono::seconds kLongestRelativeExptime = std::chrono::days(30);

// Requires: 1 s <= longest <= kLongestRelativeExptime.
struct ExpiryCap {
  std::chrono::seconds longest;
  std::chrono::sys_seconds now;
};

// Appends the exptime of a memcached command as it may be at most. False, and nothing appended: it is no number.
bool AppendCappedExptime(std::string_view exptime, ExpiryCap cap, std::string* out);

}  // namespace ringproxy::wire
