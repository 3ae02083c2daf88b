// backends/wire/limits.h – How large what comes off a socket may be.
//
// Purpose: the bounds of client requests (the operator's choice, defaults as Redis has them) and those of node replies
// (fixed: a node is trusted further than a client, but a claim beyond them means that the stream is not RESP).
// Threads: values.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ringproxy::wire {

struct Limits {
  uint64_t request_bytes = 1ULL << 30;  // One whole request; never more than kLargestRequest.
  uint64_t bulk_bytes = 512ULL << 20;   // One argument.
  uint64_t key_bytes = 512ULL << 20;    // One key; checked by whoever knows which arguments are keys.
  uint64_t arguments = 1024 * 1024;     // The command's name included.
  uint64_t inline_bytes = 64 << 10;     // An inline request, and each line that announces a count or a size.
  bool before_login = false;            // The words for what is too much are those for a client without a login.
};

// What a client may send before its login: Redis' bounds.
constexpr Limits BeforeLogin(Limits limits) {
  limits.bulk_bytes = std::min<uint64_t>(limits.bulk_bytes, 16 << 10);
  limits.arguments = std::min<uint64_t>(limits.arguments, 10);
  limits.inline_bytes = std::min<uint64_t>(limits.inline_bytes, 16 << 10);
  limits.before_login = true;
  return limits;
}

// Argument spans are 32 bits wide.
inline constexpr uint64_t kLargestRequest = UINT32_MAX;

// One bulk of a reply, and all values that one reply's headers announce together.
inline constexpr uint64_t kLargestReplyBulk = 1ULL << 40;
inline constexpr uint64_t kMostReplyValues = 1ULL << 40;

// A line that is longer holds no count and no size.
inline constexpr uint64_t kLongestCountLine = 32;

// memcached's own bound on a key, in bytes; a base64 key is measured as it is written.
inline constexpr size_t kLongestMemcacheKey = 250;
// A memcached server that has read 2 KiB of a line without its end closes the connection, unless it is a get or gets.
// So other lines to a node stay below that.
inline constexpr size_t kLongestMemcacheLine = 2000;

}  // namespace ringproxy::wire
