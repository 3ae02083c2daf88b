// tests/backends/wire/feed.h – Feeds bytes to a codec in pieces, as a socket does, and notes what it makes of them.
//
// Purpose: the framing of a stream must not depend on how it was cut; unit tests and fuzzers compare feeds. Each call
// of a codec gets a copy of exactly the bytes it may see, so that AddressSanitizer notices a read beyond them or a view
// kept from an earlier call. A fuzzer compares 10^8 of them: it takes frames as views, and a feed allocates once.
#pragma once

#include <sanitizer/asan_interface.h>

#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/memcache_binary_reply.h"
#include "backends/wire/memcache_binary_request.h"
#include "backends/wire/memcache_reply.h"
#include "backends/wire/memcache_request.h"
#include "backends/wire/resp_reply.h"
#include "backends/wire/resp_request.h"

namespace ringproxy::test {

// One frame of a stream.
struct Frame {
  std::string kind;                // "request", "nothing", "refused", "bad", "reply", "push", "mixed"
  std::string text;                // Encoded request, error, or reply.
  std::vector<std::string> parts;  // Arguments.
  size_t end = 0;                  // Where in the stream it ends; for "bad" where it starts.

  bool operator==(const Frame&) const = default;
};

// The same as a codec shows it: views that end with its next step.
struct FrameView {
  std::string_view kind = "";
  std::string_view text = "";
  size_t end = 0;
  wire::Request request = {};                      // Its arguments lie in `text`.
  std::optional<std::string_view> key = {};        // Of a memcached request.
  std::optional<uint64_t> swallow = std::nullopt;  // Of a refused one: what is to be swallowed behind it.
};

inline Frame MakeFrame(const FrameView& view) {
  Frame frame{std::string(view.kind), std::string(view.text), {}, view.end};
  if (view.swallow) frame.parts.push_back(std::to_string(*view.swallow));
  if (view.key) frame.parts.emplace_back(*view.key);
  for (size_t i = 0; i < view.request.size(); ++i) frame.parts.emplace_back(view.request[i]);
  return frame;
}

// Appends all that is to be equal of two feeds. Texts have their sizes before them, so that none passes for another.
inline void AppendFrame(const FrameView& view, std::string* out) {
  const auto number = [out](uint64_t value) { out->append(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto text = [&](std::string_view value) {
    number(value.size());
    out->append(value);
  };
  text(view.kind);
  text(view.text);
  number(view.end);
  number(view.swallow.value_or(UINT64_MAX));
  text(view.key.value_or("none"));
  for (size_t i = 0; i < view.request.size(); ++i) text(view.request[i]);
}

// Where a stream is cut: ascending offsets.
using Cuts = std::vector<size_t>;

inline Cuts EveryByte(size_t size) {
  Cuts cuts;
  for (size_t i = 1; i < size; ++i) cuts.push_back(i);
  return cuts;
}

// The bytes of one call and no others: what lies around them and where the last call's lay is poisoned.
class ExactBytes {
 public:
  explicit ExactBytes(size_t most) : half_((most + 15) / 8 * 8), memory_(new char[2 * half_]) {
    ASAN_POISON_MEMORY_REGION(memory_.get(), 2 * half_);
  }
  ExactBytes(const ExactBytes&) = delete;
  ExactBytes& operator=(const ExactBytes&) = delete;
  ~ExactBytes() { ASAN_UNPOISON_MEMORY_REGION(memory_.get(), 2 * half_); }

  std::string_view Copy(std::string_view bytes) {
    ASAN_POISON_MEMORY_REGION(memory_.get() + second_ * half_, half_);
    second_ = !second_;
    char* const copy = memory_.get() + second_ * half_;
    ASAN_UNPOISON_MEMORY_REGION(copy, bytes.size());
    std::memcpy(copy, bytes.data(), bytes.size());
    return {copy, bytes.size()};
  }

 private:
  const size_t half_;
  const std::unique_ptr<char[]> memory_;
  size_t second_ = 0;
};

class RequestCodec {
 public:
  explicit RequestCodec(const wire::Limits& limits) : parser_(limits) {}

  // False: more is needed.
  bool Step(std::string_view bytes, FrameView* frame) {
    using Status = wire::RequestParser::RespStatus;
    const Status status = parser_.Parse(bytes);
    if (status == Status::kNeedMore) return false;
    if (status == Status::kBad) *frame = {"bad", parser_.error()};
    if (status == Status::kNothing) *frame = {"nothing", "", parser_.size()};
    if (status == Status::kRequest) {
      const wire::Request request = parser_.request();
      *frame = {"request", request.encoded(), parser_.size(), request};
    }
    return true;
  }
  size_t bytes_needed() const { return parser_.bytes_needed(); }

 private:
  wire::RequestParser parser_;
};

class MemcacheRequestCodec {
 public:
  explicit MemcacheRequestCodec(const wire::Limits& limits) : parser_(limits) {}

  // A refused request's frame ends before what is to be swallowed, which is its last part.
  bool Step(std::string_view bytes, FrameView* frame) {
    using Status = wire::MemcacheParser::MemcacheStatus;
    const Status status = parser_.Parse(bytes, &progress_);
    if (status == Status::kNeedMore) return false;
    assert(progress_.needed == 0);
    if (status == Status::kBad) *frame = {"bad", parser_.reply()};
    if (status == Status::kRefused) {
      *frame = {.kind = "refused", .text = parser_.reply(), .end = parser_.size(), .swallow = parser_.swallow()};
    }
    if (status != Status::kRequest) return true;
    const wire::Request& request = parser_.request();
    assert(parser_.unwanted().offset + parser_.unwanted().size <= parser_.size());
    *frame = {"request", request.encoded(), parser_.size(), request, parser_.routing_key()};
    return true;
  }
  size_t bytes_needed() const { return progress_.needed; }

 private:
  wire::MemcacheParser parser_;
  wire::MemcacheParser::Progress progress_;
};

class MemcacheBinaryRequestCodec {
 public:
  explicit MemcacheBinaryRequestCodec(const wire::Limits& limits) : limits_(limits) {}

  // A refused packet's frame ends before what is to be swallowed, which is its last part.
  bool Step(std::string_view bytes, FrameView* frame) {
    using Framing = wire::MemcacheBinaryParser::BinaryFraming;
    wire::MemcacheBinaryParser parser(limits_);
    const Framing framing = parser.Parse(bytes);
    needed_ = framing == Framing::kNeedMore ? parser.needed() : 0;
    if (framing == Framing::kNeedMore) return false;
    reply_.clear();
    if (framing != Framing::kRequest) wire::AppendBinaryError(parser.name(), parser.status(), &reply_);
    if (framing == Framing::kBad) *frame = {"bad", reply_};
    if (framing == Framing::kRefused)
      *frame = {.kind = "refused", .text = reply_, .end = parser.size(), .swallow = parser.swallow()};
    if (framing != Framing::kRequest) return true;
    assert(parser.command() != nullptr);
    // Its arguments are the parser's, and end with it.
    *frame = {.kind = "request", .text = parser.request().encoded(), .end = parser.size(), .key = parser.key()};
    return true;
  }
  size_t bytes_needed() const { return needed_; }

 private:
  wire::Limits limits_;
  std::string reply_;
  size_t needed_ = 0;
};

template <typename Framer>
class FramerCodec {
 public:
  bool Step(std::string_view bytes, FrameView* frame) {
    using Status = wire::ReplyFramer::FrameStatus;
    const Status status = framer_.Frame(bytes);
    if (status == Status::kNeedMore) return false;
    if (status == Status::kBad) *frame = {"bad"};
    if (status != Status::kBad) {
      assert(framer_.size() <= bytes.size());
      const char* const kind = status == Status::kReply ? "reply" : status == Status::kPush ? "push" : "mixed";
      *frame = {kind, bytes.substr(0, framer_.size()), framer_.size()};
    }
    return true;
  }
  size_t bytes_needed() const { return framer_.bytes_needed(); }

 private:
  Framer framer_;
};

using ReplyCodec = FramerCodec<wire::RespReplyFramer>;
using MemcacheReplyCodec = FramerCodec<wire::MemcacheReplyFramer>;
using MemcacheBinaryReplyCodec = FramerCodec<wire::MemcacheBinaryReplyFramer>;

// Calls visit(FrameView) for all frames of `stream`, up to and including the first bad one. Asserts what holds for
// every call.
template <typename Codec, typename Visit>
void ForEachFrame(Codec codec, std::string_view stream, std::span<const size_t> cuts, Visit visit) {
  ExactBytes exact(stream.size());
  size_t start = 0;
  size_t needed = 0;
  for (size_t piece = 0; piece <= cuts.size(); ++piece) {
    const size_t available = piece < cuts.size() ? cuts[piece] : stream.size();
    while (start < available) {
      const std::string_view bytes = exact.Copy(stream.substr(start, available - start));
      FrameView frame;
      if (!codec.Step(bytes, &frame)) {
        assert(codec.bytes_needed() > bytes.size() && codec.bytes_needed() >= needed);
        needed = codec.bytes_needed();
        break;
      }
      assert(frame.kind == "bad" || (frame.end > 0 && frame.end <= bytes.size() && frame.end >= needed));
      frame.end += start;
      start = frame.end;
      needed = 0;
      visit(frame);
      if (frame.kind == "bad") return;
    }
  }
}

// What AppendFrame makes of all of them.
template <typename Codec>
void LogFrames(const Codec& codec, std::string_view stream, std::span<const size_t> cuts, std::string* log) {
  log->clear();
  ForEachFrame(codec, stream, cuts, [log](const FrameView& frame) { AppendFrame(frame, log); });
}

template <typename Codec>
std::vector<Frame> Feed(const Codec& codec, std::string_view stream, const Cuts& cuts) {
  std::vector<Frame> frames;
  ForEachFrame(codec, stream, cuts, [&](const FrameView& frame) { frames.push_back(MakeFrame(frame)); });
  return frames;
}

}  // namespace ringproxy::test
