// tools/benchmark/load_connection.cc – see load_connection.h.
#include "tools/benchmark/load_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace ringproxy::bench {
namespace {

constexpr int kExitWrongReply = 3;
constexpr size_t kFirstStarts = 16;
constexpr int kShownBytes = 80;

}  // namespace

LoadConnection::LoadConnection(Fd fd, const RequestSet& set, uint64_t first_request)
    : fd_(std::move(fd)),
      set_(set),
      first_request_(first_request),
      sent_(first_request * set.request_bytes()),
      check_(set.protocol()),
      starts_(kFirstStarts) {}

void LoadConnection::Register(Epoll& epoll) {
  SetNonBlocking(fd_.get());
  epoll.Add(fd_.get(), EPOLLIN, this);
}

void LoadConnection::Queue(size_t count, uint64_t started_ns) {
  for (size_t i = 0; i < count; ++i) {
    if (outstanding() == starts_.size()) GrowStarts();
    starts_[queued_++ & (starts_.size() - 1)] = started_ns;
  }
}

void LoadConnection::GrowStarts() {
  std::vector<uint64_t> larger(starts_.size() * 2);
  for (uint64_t i = replied_; i < queued_; ++i) larger[i & (larger.size() - 1)] = starts_[i & (starts_.size() - 1)];
  starts_.swap(larger);
}

bool LoadConnection::Write(Epoll& epoll, ByteCounts& bytes) {
  const uint64_t end = (first_request_ + queued_) * set_.request_bytes();
  bool full = false;
  while (sent_ < end && !full) {
    // A slice ends where the cycle begins anew.
    const std::string_view slice = set_.Slice(sent_, end - sent_);
    const ssize_t wrote = send(fd_.get(), slice.data(), slice.size(), MSG_NOSIGNAL);
    if (wrote < 0 && errno != EAGAIN) return false;
    full = wrote < 0;
    if (!full) sent_ += static_cast<uint64_t>(wrote);
    if (!full) bytes.out += static_cast<uint64_t>(wrote);
  }
  if (full != waits_for_room_) {
    waits_for_room_ = full;
    epoll.Change(fd_.get(), full ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
  }
  return true;
}

bool LoadConnection::Read(std::vector<char>& scratch, ReplyListener& listener, ByteCounts& bytes) {
  while (true) {
    const size_t skip = check_.bytes_to_skip(set_.ReplyTo(first_request_ + replied_));
    // TCP drops what MSG_TRUNC reads instead of copying it out: a large value costs this side nearly nothing.
    const bool drop = skip >= scratch.size();
    const ssize_t got = recv(fd_.get(), scratch.data(), drop ? skip : scratch.size(), drop ? MSG_TRUNC : 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    const auto count = static_cast<size_t>(got);
    bytes.in += count;
    if (drop) {
      check_.Skipped(count);
    } else {
      TakeReplies({scratch.data(), count}, listener);
    }
    if (count < scratch.size()) return true;
  }
}

void LoadConnection::TakeReplies(std::string_view bytes, ReplyListener& listener) {
  // One reading of the clock for all replies of a read, since they came together.
  const uint64_t now_ns = NowNs();
  while (!bytes.empty()) {
    if (outstanding() == 0) DieOfWrongReply(bytes);
    const std::string_view before = bytes;
    const Piece* const pieces = set_.ReplyTo(first_request_ + replied_);
    const ReplyCheck::Verdict verdict = check_.Feed(bytes, pieces, set_.pieces_per_reply());
    if (verdict == ReplyCheck::Verdict::kNeedMore) return;
    if (verdict == ReplyCheck::Verdict::kWrong) DieOfWrongReply(before);
    const uint64_t started_ns = starts_[replied_++ & (starts_.size() - 1)];
    listener.OnReply(started_ns, now_ns, verdict == ReplyCheck::Verdict::kErrorReply ? &check_.error_text() : nullptr);
  }
}

void LoadConnection::DieOfWrongReply(std::string_view bytes) const {
  const std::string_view wanted = outstanding() == 0 ? "nothing" : set_.ReplyTo(first_request_ + replied_)->text;
  std::fprintf(stderr, "bench_load: a reply does not belong to its request: wanted\n%.*s\nand read\n%.*s\n",
               static_cast<int>(wanted.size()), wanted.data(), std::min(kShownBytes, static_cast<int>(bytes.size())),
               bytes.data());
  std::exit(kExitWrongReply);
}

}  // namespace ringproxy::bench
