// tools/benchmark/canned_output.cc – see canned_output.h.
#include "tools/benchmark/canned_output.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace ringproxy::bench {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;
// Copying less than this costs less than a further piece of the write.
constexpr size_t kCopyBelowBytes = size_t{32} << 10;
constexpr size_t kMaxPieces = 64;

const std::string& Filler() {
  static const std::string block(kBlockBytes, '.');
  return block;
}

}  // namespace

void CannedOutput::Append(std::string_view text) {
  text_.append(text);
  AddSegment(false, text.size());
}

void CannedOutput::AppendFiller(size_t bytes) {
  if (bytes < kCopyBelowBytes) return Append(std::string_view(Filler()).substr(0, bytes));
  for (; bytes > 0; bytes -= std::min(bytes, kBlockBytes)) AddSegment(true, std::min(bytes, kBlockBytes));
}

void CannedOutput::AddSegment(bool filler, size_t bytes) {
  if (!filler && !segments_.empty() && !segments_.back().filler) {
    segments_.back().bytes += bytes;
  } else {
    segments_.push_back({filler, bytes});
  }
}

bool CannedOutput::Flush(int fd) {
  while (!empty()) {
    iovec pieces[kMaxPieces];
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = Gather(pieces, kMaxPieces);
    // writev has no flags, and a peer that has left would end the process by SIGPIPE.
    const ssize_t written = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (written < 0) return errno == EAGAIN || errno == EINTR;
    Drop(static_cast<size_t>(written));
  }
  return true;
}

size_t CannedOutput::Gather(iovec* pieces, size_t capacity) const {
  const size_t count = std::min(capacity, segments_.size());
  size_t text_at = text_start_;
  for (size_t i = 0; i < count; ++i) {
    const Segment& segment = segments_[i];
    const char* const from = segment.filler ? Filler().data() : text_.data() + text_at;
    // sendmsg only reads; its iovec has no const form.
    pieces[i] = {.iov_base = const_cast<char*>(from), .iov_len = segment.bytes};
    if (!segment.filler) text_at += segment.bytes;
  }
  return count;
}

void CannedOutput::Drop(size_t bytes) {
  size_t gone = 0;
  while (bytes > 0) {
    Segment& segment = segments_[gone];
    const size_t step = std::min(bytes, segment.bytes);
    if (!segment.filler) text_start_ += step;
    segment.bytes -= step;
    bytes -= step;
    if (segment.bytes == 0) ++gone;
  }
  // All at once, since each erase moves what follows.
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(gone));
  // Only then: moving the rest after each write would cost more than the memory is worth.
  if (segments_.empty()) {
    text_.clear();
    text_start_ = 0;
  }
}

}  // namespace ringproxy::bench
