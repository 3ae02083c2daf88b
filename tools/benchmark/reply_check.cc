// tools/benchmark/reply_check.cc – see reply_check.h.
#include "tools/benchmark/reply_check.h"

#include <algorithm>

namespace ringproxy::bench {
namespace {

constexpr std::string_view kEnd = "\r\n";
constexpr std::string_view kRedisErrors[] = {"-"};
constexpr std::string_view kMemcachedErrors[] = {"ERROR", "CLIENT_ERROR ", "SERVER_ERROR "};

// Whether `text` is an error reply, or what has come of one.
bool MayBeError(Protocol protocol, std::string_view text) {
  const auto fits = [text](std::string_view word) {
    return word.substr(0, text.size()) == text.substr(0, word.size());
  };
  return protocol == Protocol::kRedis ? std::ranges::any_of(kRedisErrors, fits)
                                      : std::ranges::any_of(kMemcachedErrors, fits);
}

// Compares what has come of `text`, of which the first `done` bytes matched before; takes it from `bytes`.
bool TakeMatching(std::string_view& bytes, std::string_view text, size_t done, size_t& at) {
  const std::string_view wanted = text.substr(done, bytes.size());
  if (bytes.substr(0, wanted.size()) != wanted) return false;
  bytes.remove_prefix(wanted.size());
  at += wanted.size();
  return true;
}

}  // namespace

ReplyCheck::Verdict ReplyCheck::Feed(std::string_view& bytes, const Piece* pieces, size_t piece_count) {
  if (in_error_) return FeedError(bytes);
  while (!bytes.empty()) {
    bool wrong = false;
    const bool ended = FeedPiece(bytes, pieces[piece_], wrong);
    if (wrong) return BeginError(bytes, pieces[0]) ? FeedError(bytes) : Verdict::kWrong;
    if (!ended) return Verdict::kNeedMore;
    at_ = 0;
    if (++piece_ < piece_count) continue;
    piece_ = 0;
    return Verdict::kReply;
  }
  return Verdict::kNeedMore;
}

bool ReplyCheck::FeedPiece(std::string_view& bytes, const Piece& piece, bool& wrong) {
  if (at_ < piece.text.size()) {
    wrong = !TakeMatching(bytes, piece.text, at_, at_);
    if (wrong || at_ < piece.text.size()) return false;
  }
  const size_t body_end = piece.text.size() + piece.body;
  if (at_ < body_end) {
    const size_t step = std::min(bytes.size(), body_end - at_);
    bytes.remove_prefix(step);
    at_ += step;
    if (at_ < body_end) return false;
  }
  if (!piece.tail) return true;
  if (at_ == body_end && bytes.size() >= kEnd.size() && bytes[0] == '\r' && bytes[1] == '\n') {
    bytes.remove_prefix(kEnd.size());  // The usual case, without a call.
    return true;
  }
  wrong = !TakeMatching(bytes, kEnd, at_ - body_end, at_);
  return !wrong && at_ == body_end + kEnd.size();
}

// An error stands in place of a whole reply. The S of STORED may have come, and matched, before SERVER_ERROR goes on.
bool ReplyCheck::BeginError(std::string_view bytes, const Piece& first) {
  if (piece_ > 0 || at_ >= first.text.size()) return false;
  const std::string_view matched = first.text.substr(0, at_);
  if (!MayBeError(protocol_, std::string(matched).append(bytes))) return false;
  error_text_ = matched;
  in_error_ = true;
  at_ = 0;
  return true;
}

ReplyCheck::Verdict ReplyCheck::FeedError(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  const size_t step = end == std::string_view::npos ? bytes.size() : end + 1;
  error_text_.append(bytes.substr(0, step));
  bytes.remove_prefix(step);
  if (end == std::string_view::npos) return Verdict::kNeedMore;
  in_error_ = false;
  return MayBeError(protocol_, error_text_) ? Verdict::kErrorReply : Verdict::kWrong;
}

size_t ReplyCheck::bytes_to_skip(const Piece* pieces) const {
  const Piece& piece = pieces[piece_];
  if (in_error_ || at_ < piece.text.size()) return 0;
  const size_t body_end = piece.text.size() + piece.body;
  return body_end > at_ ? body_end - at_ : 0;
}

}  // namespace ringproxy::bench
