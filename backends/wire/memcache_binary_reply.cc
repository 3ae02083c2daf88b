#include "backends/wire/memcache_binary_reply.h"

#include <utility>

namespace ringproxy::wire {
namespace {

// A refusal that is longer comes from no memcached server.
constexpr size_t kLongestRefusal = 512;

}  // namespace

ReplyFramer::FrameStatus MemcacheBinaryReplyFramer::Frame(std::string_view bytes) {
  position_ = unfinished_block_ = 0;
  if (std::exchange(skipped_last_, false)) return FrameStatus::kReply;
  if (bytes.empty()) return NeedMore(1);
  if (bytes.front() != kBinaryReplyMagic) return speaks_binary_ ? FrameStatus::kBad : FrameLine(bytes);
  if (bytes.size() < kBinaryHeaderBytes) return NeedMore(kBinaryHeaderBytes);
  const BinaryHeader header = ReadBinaryHeader(bytes);
  if (header.body_bytes < uint32_t{header.extras_bytes} + header.key_bytes) return FrameStatus::kBad;
  const size_t whole = kBinaryHeaderBytes + header.body_bytes;
  if (bytes.size() < whole) {
    unfinished_block_ = whole;
    return NeedMore(whole);
  }
  position_ = whole;
  speaks_binary_ = true;
  return FrameStatus::kReply;
}

ReplyFramer::FrameStatus MemcacheBinaryReplyFramer::FrameLine(std::string_view bytes) {
  const size_t end = bytes.find('\n');
  if (end < kLongestRefusal) {
    position_ = end + 1;
    return FrameStatus::kReply;
  }
  return bytes.size() < kLongestRefusal ? NeedMore(bytes.size() + 1) : FrameStatus::kBad;
}

uint64_t MemcacheBinaryReplyFramer::Skip() {
  const size_t skipped = std::exchange(unfinished_block_, 0);
  skipped_last_ = skipped > 0;
  speaks_binary_ |= skipped_last_;
  return skipped;
}

Fault MemcacheBinaryReplyFramer::FaultOf(std::string_view reply) const {
  if (!IsBinaryReply(reply)) return Fault::kNone;
  switch (static_cast<BinaryStatus>(ReadBinaryHeader(reply).status)) {
    // As a SERVER_ERROR in text; a write that a full node refuses is none.
    case BinaryStatus::kInternalError:
    case BinaryStatus::kBusy:
    case BinaryStatus::kTemporaryFailure: return Fault::kSoft;
    default: return Fault::kNone;
  }
}

}  // namespace ringproxy::wire
