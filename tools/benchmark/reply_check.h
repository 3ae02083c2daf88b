// tools/benchmark/reply_check.h – Follows one connection's replies byte by byte and checks each against its request.
// Purpose: the checked part (type, length, the key that a value starts with, the end) is a comparison with prepared
// text;
//   the rest of a value is skipped, so that checking stays far cheaper than proxying.
// Threads: one.
// Lifetime: one for each connection.
// Promises: works at any split of the stream. After kWrong the stream is lost; the caller ends the run.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tools/benchmark/request_set.h"

namespace ringproxy::bench {

class ReplyCheck {
 public:
  enum class Verdict { kNeedMore, kReply, kErrorReply, kWrong };

  explicit ReplyCheck(Protocol protocol = Protocol::kRedis) : protocol_(protocol) {}

  // Takes bytes from the front of `bytes` until the reply described by `pieces` ends.
  Verdict Feed(std::string_view& bytes, const Piece* pieces, size_t piece_count);

  // Bytes of the current value's body still to come, which the caller may throw away unread.
  size_t bytes_to_skip(const Piece* pieces) const;
  void Skipped(size_t bytes) { at_ += bytes; }

  // The text of the error reply that was seen last.
  const std::string& error_text() const { return error_text_; }

 private:
  bool FeedPiece(std::string_view& bytes, const Piece& piece, bool& wrong);
  bool BeginError(std::string_view bytes, const Piece& first);
  Verdict FeedError(std::string_view& bytes);

  Protocol protocol_;
  size_t piece_ = 0;
  size_t at_ = 0;  // within the piece
  bool in_error_ = false;
  std::string error_text_;
};

}  // namespace ringproxy::bench
