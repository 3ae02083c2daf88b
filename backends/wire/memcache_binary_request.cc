#include "backends/wire/memcache_binary_request.h"

#include <algorithm>

namespace ringproxy::wire {
namespace {

// memcached keeps the size of a value in an int.
constexpr uint64_t kMostValue = INT32_MAX;

}  // namespace

MemcacheBinaryParser::BinaryFraming MemcacheBinaryParser::Parse(std::string_view bytes) {
  key_ = {};
  command_ = nullptr;
  header_ = {};
  if (bytes.front() != kBinaryRequestMagic) return End(BinaryFraming::kBad, BinaryStatus::kSuccess);
  if (bytes.size() < kBinaryHeaderBytes) {
    needed_ = kBinaryHeaderBytes;
    return BinaryFraming::kNeedMore;
  }
  header_ = ReadBinaryHeader(bytes);
  size_ = kBinaryHeaderBytes;
  const uint64_t before_value = uint64_t{header_.extras_bytes} + header_.key_bytes;
  // The server's answers, in its order.
  if (before_value > header_.body_bytes) return End(BinaryFraming::kBad, BinaryStatus::kUnknownCommand);
  if (header_.key_bytes > kLongestMemcacheKey) return End(BinaryFraming::kBad, BinaryStatus::kInvalid);
  command_ = FindBinaryCommand(header_.opcode);
  if (command_ == nullptr) return End(BinaryFraming::kRefused, BinaryStatus::kUnknownCommand, header_.body_bytes);
  if (!HasSoundParts()) return End(BinaryFraming::kBad, BinaryStatus::kInvalid);
  const size_t whole = kBinaryHeaderBytes + header_.body_bytes;
  const size_t head = kBinaryHeaderBytes + before_value;
  const bool has_head = bytes.size() >= head;
  if (has_head) {
    extras_ = bytes.substr(kBinaryHeaderBytes, header_.extras_bytes);
    key_ = bytes.substr(kBinaryHeaderBytes + header_.extras_bytes, header_.key_bytes);
  }
  if (value_bytes() > std::min(limits_.bulk_bytes, kMostValue) || whole > limits_.request_bytes) {
    // What it was to replace has to go, and that is named by the key.
    needed_ = head;
    if (!has_head) return BinaryFraming::kNeedMore;
    size_ = head;
    return End(BinaryFraming::kRefused, BinaryStatus::kTooLarge, value_bytes());
  }
  if (bytes.size() < whole) {
    needed_ = whole;
    return BinaryFraming::kNeedMore;
  }
  size_ = whole;
  encoded_ = bytes.substr(0, whole);
  arguments_ = {{{1, 1}, {static_cast<uint32_t>(kBinaryHeaderBytes + header_.extras_bytes), header_.key_bytes}}};
  return End(BinaryFraming::kRequest, BinaryStatus::kSuccess);
}

bool MemcacheBinaryParser::HasSoundParts() const {
  const BinaryCommand& command = *command_;
  const bool lacks_extras = command.may_lack_extras && header_.extras_bytes == 0;
  if (header_.extras_bytes != command.extras_bytes && !lacks_extras) return false;
  const bool has_key = header_.key_bytes > 0;
  if (command.key != BinaryCommand::BinaryPart::kPerhaps && has_key != (command.key == BinaryCommand::BinaryPart::kOne))
    return false;
  return command.has_value || value_bytes() == 0;
}

MemcacheBinaryParser::BinaryFraming MemcacheBinaryParser::End(BinaryFraming framing, BinaryStatus status,
                                                              uint64_t swallow) {
  status_ = status;
  swallow_ = swallow;
  return framing;
}

}  // namespace ringproxy::wire
