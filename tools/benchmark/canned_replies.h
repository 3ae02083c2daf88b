// tools/benchmark/canned_replies.h – What a canned server makes of the bytes it reads: requests framed, replies
// appended. Purpose: a Redis, or by its first byte a memcached, that stores nothing. What a value is: canned_value.h; a
//   client can check that each reply belongs to its request.
// Threads: one.
// Lifetime: one for each connection.
// Promises: requests are framed at any split; nothing is kept of a large value; a reply follows the last byte of its
// request.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/benchmark/canned_output.h"

namespace ringproxy::bench {

class CannedReplies {
 public:
  // Frames and answers all whole requests in `bytes`. Returns false on bytes that are no request: the caller closes.
  bool Feed(std::string_view bytes, CannedOutput& out);

  // Bytes of a large value still to come. The caller may throw them away unread and report them here.
  size_t bytes_to_skip() const { return skip_; }
  void Skipped(size_t bytes, CannedOutput& out);

 private:
  enum class Framed { kWhole, kNeedMore, kBad };

  Framed Frame(std::string_view bytes, size_t& used);
  bool FeedWhole(std::string_view bytes, size_t& used, CannedOutput& out);
  void Answer(CannedOutput& out);
  void Execute(const std::vector<std::string_view>& arguments, CannedOutput& out);

  std::string carry_;
  std::vector<std::string_view> arguments_;
  size_t skip_ = 0;
  std::vector<std::vector<std::string>> queued_;  // Of a transaction.
  bool in_multi_ = false;
};

}  // namespace ringproxy::bench
