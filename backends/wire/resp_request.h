// backends/wire/resp_request.h – Frames client requests: multibulk (`*2\r\n$3\r\nGET…`) and inline (`GET k\r\n`).
//
// Purpose: finds where one request ends and where its arguments lie, without copying them. Accepts what Redis 7.0
// accepts and refuses the rest with the same words. It departs from Redis in two places, both of which make the result
// independent of how the bytes were cut on their way: a line over Limits::inline_bytes is refused even if its end came
// in the same read, and a NUL byte in an inline line is refused at once, where Redis waits for ever (TLS and binary
// memcached clients end here).
// Threads: one owner. Lifetime: see request().
// Promise: the work is linear in the bytes, however they are cut. Memory follows the bytes that really came, never a
// count a client announced. A warm parser does not allocate for a small request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/limits.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

class RequestParser {
 public:
  enum class RespStatus : uint8_t {
    kNeedMore,
    kRequest,
    kNothing,  // An empty line, `*0` or `*-1`: nothing was asked, nothing is answered.
    kBad,      // error() says why. The stream cannot be trusted any further.
  };

  explicit RequestParser(const Limits& limits);

  // Frames the request that starts at bytes[0]. After kNeedMore call again with the same bytes plus more (they may
  // have moved); after anything else the next call starts a new request.
  RespStatus Parse(std::string_view bytes);

  // After kRequest and kNothing: the bytes of `bytes` that it took.
  size_t size() const { return size_; }
  // After kNeedMore: the least size of this request as far as it is known, more than was given. It rests on the
  // client's word: reserve memory on it only up to a bound.
  size_t bytes_needed() const { return needed_; }
  // After kRequest: views into the bytes given, or, where those are no canonical RESP, into the parser's own encoding.
  // Valid until either moves, which for the parser's is the next Parse.
  Request request() const { return {encoded_, arguments_}; }
  // After kBad: Redis' words, without the "-ERR ".
  std::string_view error() const { return error_; }

  // Forgets a request that is framed by half, and gives back the memory of a large one. It is called when a client has
  // nothing more to say for now.
  void Reset();

 private:
  // Frames a request of few arguments that is whole and canonical. False: it is another one, or a wrong one.
  bool TakeUsual(std::string_view bytes);
  [[gnu::noinline]] RespStatus ParseByParts(std::string_view bytes);
  RespStatus ParseMultibulk(std::string_view bytes);
  RespStatus ParseCount(std::string_view bytes);
  RespStatus FrameBulks(std::string_view bytes);
  RespStatus ParseBulkSize(std::string_view bytes, uint64_t* size);
  RespStatus FindLine(std::string_view bytes, std::string_view too_long, std::string_view* line);
  RespStatus ParseInline(std::string_view bytes);
  RespStatus NeedMore(size_t least);
  RespStatus Bad(std::string_view error);
  RespStatus TooManyArguments();
  RespStatus TooLarge();
  void Start();
  void MakeCanonical();

  Limits limits_;
  std::vector<ArgumentSpan> arguments_;
  std::string canonical_;
  std::string error_;
  std::string_view encoded_;
  size_t size_ = 0;
  size_t needed_ = 0;
  size_t position_ = 0;    // Where the next unframed line starts.
  size_t scanned_ = 0;     // No line ends before it.
  uint64_t expected_ = 0;  // Arguments announced; 0: not yet known.
  bool canonical_framing_ = true;
  bool in_progress_ = false;  // The last Parse returned kNeedMore.
};

}  // namespace ringproxy::wire
