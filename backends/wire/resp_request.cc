#include "backends/wire/resp_request.h"

#include <algorithm>
#include <cassert>

#include "backends/wire/ascii.h"
#include "backends/wire/inline_request.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::wire {
namespace {

// What Reset keeps, so that an MGET of a hundred keys is warm and a thousand parsers are still small.
constexpr size_t kKeptArguments = 256;
constexpr size_t kKeptCanonical = 512;

constexpr uint64_t kUsualArguments = 16;

constexpr size_t kLeastBulk = 6;  // "$0\r\n\r\n"
// Redis counts arguments in an int.
constexpr uint64_t kMostArguments = INT32_MAX;

constexpr std::string_view kBadMultibulk = "Protocol error: invalid multibulk length";
constexpr std::string_view kBadBulk = "Protocol error: invalid bulk length";

}  // namespace

RequestParser::RequestParser(const Limits& limits) : limits_(limits) {
  limits_.request_bytes = std::min(limits_.request_bytes, kLargestRequest);
  limits_.arguments = std::min(limits_.arguments, kMostArguments);
}

void RequestParser::Reset() {
  in_progress_ = false;
  arguments_.clear();
  if (arguments_.capacity() > kKeptArguments) std::vector<ArgumentSpan>().swap(arguments_);
  if (canonical_.capacity() > kKeptCanonical) std::string().swap(canonical_);
}

void RequestParser::Start() {
  arguments_.clear();
  position_ = scanned_ = 0;
  expected_ = 0;
  canonical_framing_ = true;
  in_progress_ = true;
}

RequestParser::RespStatus RequestParser::Parse(std::string_view bytes) {
  if (!in_progress_) {
    if (TakeUsual(bytes)) return RespStatus::kRequest;
    Start();
    needed_ = 1;
  }
  return ParseByParts(bytes);
}

// Two steps an argument and no state between them: this is every request of most clients.
bool RequestParser::TakeUsual(std::string_view bytes) {
  const char* const end = bytes.data() + bytes.size();
  uint64_t count = 0;
  if (bytes.empty() || bytes.front() != '*') return false;
  const char* at = ReadPlainCount(bytes.data() + 1, end, &count);
  if (at == nullptr || count == 0 || count > std::min(kUsualArguments, limits_.arguments)) return false;
  if (arguments_.size() != count) arguments_.resize(count);
  for (ArgumentSpan& argument : arguments_) {
    uint64_t size = 0;
    if (at == end || *at != '$') return false;
    const char* const start = ReadPlainCount(at + 1, end, &size);
    if (start == nullptr || size > limits_.bulk_bytes) return false;
    if (size + kLineEnd.size() > static_cast<size_t>(end - start)) return false;
    at = start + size;
    if (!IsLineEnd(at)) return false;
    at += kLineEnd.size();
    argument = {static_cast<uint32_t>(start - bytes.data()), static_cast<uint32_t>(size)};
  }
  size_ = static_cast<size_t>(at - bytes.data());
  encoded_ = {bytes.data(), size_};
  return size_ <= limits_.request_bytes;
}

RequestParser::RespStatus RequestParser::ParseByParts(std::string_view bytes) {
  // What came since the last call cannot change the answer, so a large value costs one more look and not one a piece.
  if (bytes.size() < needed_) return RespStatus::kNeedMore;
  const bool multibulk = expected_ > 0 || bytes.front() == '*';
  const RespStatus status = multibulk ? ParseMultibulk(bytes) : ParseInline(bytes);
  in_progress_ = status == RespStatus::kNeedMore;
  return status;
}

RequestParser::RespStatus RequestParser::NeedMore(size_t least) {
  needed_ = least;
  return RespStatus::kNeedMore;
}

RequestParser::RespStatus RequestParser::Bad(std::string_view error) {
  error_ = error;
  return RespStatus::kBad;
}

RequestParser::RespStatus RequestParser::TooManyArguments() {
  return Bad(limits_.before_login ? "Protocol error: unauthenticated multibulk length" : kBadMultibulk);
}

RequestParser::RespStatus RequestParser::TooLarge() {
  return Bad(limits_.before_login ? "Protocol error: unauthenticated bulk length" : kBadBulk);
}

RequestParser::RespStatus RequestParser::ParseMultibulk(std::string_view bytes) {
  if (expected_ == 0) {
    const RespStatus status = ParseCount(bytes);
    if (status != RespStatus::kRequest) return status;
  }
  const RespStatus status = FrameBulks(bytes);
  if (status != RespStatus::kRequest) return status;
  size_ = position_;
  encoded_ = {bytes.data(), size_};
  if (!canonical_framing_) MakeCanonical();
  return status;
}

// Finds the line at position_, of which Redis reads everything before a '\r' and skips one byte more, whatever it is.
RequestParser::RespStatus RequestParser::FindLine(std::string_view bytes, std::string_view too_long,
                                                  std::string_view* line) {
  // The bound holds whether or not the line's end is here: how the bytes were cut must not matter (semantics.md 29).
  const std::string_view window = bytes.substr(0, position_ + limits_.inline_bytes + 1);
  const size_t end = window.find('\r', std::max(position_, scanned_));
  if (end == std::string_view::npos) {
    scanned_ = window.size();
    return bytes.size() - position_ > limits_.inline_bytes ? Bad(too_long) : NeedMore(bytes.size() + 1);
  }
  scanned_ = end;
  if (bytes.size() < end + kLineEnd.size()) return NeedMore(end + kLineEnd.size());
  if (bytes[end + 1] != '\n') canonical_framing_ = false;
  *line = bytes.substr(position_, end - position_);
  position_ = end + kLineEnd.size();
  return RespStatus::kRequest;
}

RequestParser::RespStatus RequestParser::ParseCount(std::string_view bytes) {
  uint64_t plain = 0;
  // Zero, what is above the limit and every unusual spelling go the slower way, which has the words for them.
  if (const char* after = ReadPlainCount(bytes.data() + 1, bytes.data() + bytes.size(), &plain);
      after != nullptr && plain > 0 && plain <= limits_.arguments) {
    expected_ = plain;
    position_ = static_cast<size_t>(after - bytes.data());
  } else {
    std::string_view line;
    const RespStatus status = FindLine(bytes, "Protocol error: too big mbulk count string", &line);
    if (status != RespStatus::kRequest) return status;
    const std::optional<int64_t> count = ParseInteger(line.substr(1));
    if (!count) return Bad(kBadMultibulk);
    if (*count > static_cast<int64_t>(limits_.arguments)) return TooManyArguments();
    if (*count <= 0) {
      size_ = position_;
      return RespStatus::kNothing;
    }
    expected_ = static_cast<uint64_t>(*count);
  }
  // The reservation is exact when the whole request is here, and never larger than the bytes that are here justify.
  arguments_.reserve(std::min(expected_, (bytes.size() - position_) / kLeastBulk + 1));
  return RespStatus::kRequest;
}

RequestParser::RespStatus RequestParser::FrameBulks(std::string_view bytes) {
  while (arguments_.size() < expected_) {
    // After kNeedMore a bulk is framed again from its size on: those are a few bytes, and a state less to keep.
    const size_t start = position_;
    uint64_t size = 0;
    const RespStatus status = ParseBulkSize(bytes, &size);
    if (status != RespStatus::kRequest) return status;
    const size_t end = position_ + size + kLineEnd.size();
    if (end > bytes.size()) {
      position_ = start;
      return NeedMore(end);
    }
    // Redis skips these two bytes whatever they are, so the request stands, and a node is sent it with proper ones.
    if (!IsLineEnd(bytes.data() + end - kLineEnd.size())) {
      canonical_framing_ = false;
    }
    arguments_.push_back({static_cast<uint32_t>(position_), static_cast<uint32_t>(size)});
    position_ = end;
  }
  return RespStatus::kRequest;
}

// Moves position_ from a bulk's `$` to its first byte.
RequestParser::RespStatus RequestParser::ParseBulkSize(std::string_view bytes, uint64_t* size) {
  const char* const start = bytes.data() + position_;
  const char* const end = bytes.data() + bytes.size();
  const char* after = start < end && *start == '$' ? ReadPlainCount(start + 1, end, size) : nullptr;
  if (after != nullptr) {
    position_ = static_cast<size_t>(after - bytes.data());
  } else {
    std::string_view line;
    const RespStatus status = FindLine(bytes, "Protocol error: too big bulk count string", &line);
    if (status != RespStatus::kRequest) return status;
    const char type = line.empty() ? ' ' : line.front();
    if (type != '$') {
      Bad("Protocol error: expected '$', got '");
      error_ += type == '\n' ? ' ' : type;
      error_ += '\'';
      return RespStatus::kBad;
    }
    const std::optional<int64_t> value = ParseInteger(line.substr(1));
    if (!value || *value < 0) return Bad(kBadBulk);
    *size = static_cast<uint64_t>(*value);
  }
  const bool too_large = *size > limits_.bulk_bytes || *size + position_ + kLineEnd.size() > limits_.request_bytes;
  return too_large ? TooLarge() : RespStatus::kRequest;
}

// Counts and sizes have one spelling each, so only line ends can differ and every argument stays where it is.
void RequestParser::MakeCanonical() {
  canonical_.clear();
  AppendArrayHeader(arguments_.size(), &canonical_);
  for (const ArgumentSpan& argument : arguments_)
    AppendBulk(encoded_.substr(argument.offset, argument.size), &canonical_);
  assert(canonical_.size() == encoded_.size());
  encoded_ = canonical_;
}

RequestParser::RespStatus RequestParser::ParseInline(std::string_view bytes) {
  const std::string_view window = bytes.substr(0, limits_.inline_bytes + 1);
  const size_t end = window.find('\n', scanned_);
  const std::string_view unseen = window.substr(scanned_, end == std::string_view::npos ? end : end - scanned_);
  // Text has no NUL, so this is some other protocol, whose "line" may never end.
  if (unseen.find('\0') != std::string_view::npos) return Bad("Protocol error: unexpected NUL byte in inline request");
  if (end == std::string_view::npos) {
    scanned_ = window.size();
    const bool too_long = bytes.size() > limits_.inline_bytes;
    return too_long ? Bad("Protocol error: too big inline request") : NeedMore(bytes.size() + 1);
  }
  size_ = end + 1;
  std::string_view line = bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  // Nodes see one form alone: an inline request goes on as an array.
  if (!EncodeInline(line, &canonical_, &arguments_)) return Bad("Protocol error: unbalanced quotes in request");
  if (arguments_.empty()) return RespStatus::kNothing;
  if (arguments_.size() > limits_.arguments) return TooManyArguments();
  const bool too_large = std::ranges::max(arguments_, {}, &ArgumentSpan::size).size > limits_.bulk_bytes;
  if (too_large || canonical_.size() > limits_.request_bytes) return TooLarge();
  encoded_ = canonical_;
  return RespStatus::kRequest;
}

}  // namespace ringproxy::wire
