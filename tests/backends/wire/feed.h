// tests/backends/wire/feed.h – Feeds bytes to a codec in pieces, as a socket does, and notes what it makes of them.
//
// Purpose: the framing of a stream must not depend on how it was cut; unit tests and fuzzers compare feeds. Each call
// of a codec gets a copy of exactly the bytes it may see, so that a sanitizer notices a read beyond them or a view kept
// from an earlier call.
#pragma once

#include <cassert>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/memcache_reply.h"
#include "backends/wire/memcache_request.h"
#include "backends/wire/resp_reply.h"
#include "backends/wire/resp_request.h"

namespace ringproxy::test {

// One frame of a stream.
struct Frame {
  std::string kind;                // "request", "nothing", "refused", "bad", "reply"
  std::string text;                // Encoded request, error, or reply.
  std::vector<std::string> parts;  // Arguments.
  size_t end = 0;                  // Where in the stream it ends; for "bad" where it starts.

  bool operator==(const Frame&) const = default;
};

// Where a stream is cut: ascending offsets.
using Cuts = std::vector<size_t>;

inline Cuts EveryByte(size_t size) {
  Cuts cuts;
  for (size_t i = 1; i < size; ++i) cuts.push_back(i);
  return cuts;
}

class RequestCodec {
 public:
  explicit RequestCodec(const wire::Limits& limits) : parser_(limits) {}

  // False: more is needed.
  bool Step(std::string_view bytes, Frame* frame) {
    using Status = wire::RequestParser::RespStatus;
    const Status status = parser_.Parse(bytes);
    if (status == Status::kNeedMore) return false;
    if (status == Status::kBad) *frame = {"bad", std::string(parser_.error()), {}, 0};
    if (status == Status::kNothing) *frame = {"nothing", "", {}, parser_.size()};
    if (status != Status::kRequest) return true;
    const wire::Request request = parser_.request();
    *frame = {"request", std::string(request.encoded()), {}, parser_.size()};
    for (size_t i = 0; i < request.size(); ++i) frame->parts.emplace_back(request[i]);
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
  bool Step(std::string_view bytes, Frame* frame) {
    using Status = wire::MemcacheParser::MemcacheStatus;
    const Status status = parser_.Parse(bytes, &progress_);
    if (status == Status::kNeedMore) return false;
    assert(progress_.needed == 0);
    const std::string reply(parser_.reply());
    if (status == Status::kBad) *frame = {"bad", reply, {}, 0};
    if (status == Status::kRefused) {
      *frame = {"refused", reply, {std::to_string(parser_.swallow())}, parser_.size()};
    }
    if (status != Status::kRequest) return true;
    const wire::Request& request = parser_.request();
    assert(parser_.unwanted().offset + parser_.unwanted().size <= parser_.size());
    *frame = {"request", std::string(request.encoded()), {std::string(parser_.routing_key())}, parser_.size()};
    for (size_t i = 0; i < request.size(); ++i) frame->parts.emplace_back(request[i]);
    return true;
  }
  size_t bytes_needed() const { return progress_.needed; }

 private:
  wire::MemcacheParser parser_;
  wire::MemcacheParser::Progress progress_;
};

template <typename Framer>
class FramerCodec {
 public:
  bool Step(std::string_view bytes, Frame* frame) {
    using Status = wire::ReplyFramer::FrameStatus;
    const Status status = framer_.Frame(bytes);
    if (status == Status::kNeedMore) return false;
    if (status == Status::kBad) *frame = {"bad", "", {}, 0};
    if (status == Status::kReply) {
      assert(framer_.size() <= bytes.size());
      *frame = {"reply", std::string(bytes.substr(0, framer_.size())), {}, framer_.size()};
    }
    return true;
  }
  size_t bytes_needed() const { return framer_.bytes_needed(); }

 private:
  Framer framer_;
};

using ReplyCodec = FramerCodec<wire::RespReplyFramer>;
using MemcacheReplyCodec = FramerCodec<wire::MemcacheReplyFramer>;

// All frames of `stream`, up to and including the first bad one. Asserts what holds for every call.
template <typename Codec>
std::vector<Frame> Feed(Codec codec, std::string_view stream, Cuts cuts) {
  std::vector<Frame> frames;
  cuts.push_back(stream.size());
  size_t start = 0;
  size_t needed = 0;
  for (const size_t available : cuts) {
    while (start < available) {
      const std::vector<char> exact(stream.begin() + static_cast<std::ptrdiff_t>(start),
                                    stream.begin() + static_cast<std::ptrdiff_t>(available));
      Frame frame;
      if (!codec.Step({exact.data(), exact.size()}, &frame)) {
        assert(codec.bytes_needed() > exact.size() && codec.bytes_needed() >= needed);
        needed = codec.bytes_needed();
        break;
      }
      assert(frame.kind == "bad" || (frame.end > 0 && frame.end <= exact.size() && frame.end >= needed));
      frame.end += start;
      start = frame.end;
      needed = 0;
      frames.push_back(frame);
      if (frame.kind == "bad") return frames;
    }
  }
  return frames;
}

}  // namespace ringproxy::test
