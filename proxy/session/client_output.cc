#include "proxy/session/client_output.h"

#include "backends/net/input_buffer.h"

namespace ringproxy::proxy {
namespace {

// Output may be held for so many turns.
constexpr uint8_t kHoldTurns = 2;
// A long output gains nothing from waiting.
constexpr size_t kHoldBytes = 16 << 10;

}  // namespace

size_t ClientOutput::unread_bytes() const {
  const size_t front = queue_.front_size();
  return queue_.size() - (front >= net::kLargeFrame ? front : 0);
}

bool ClientOutput::Hold() {
  if (queue_.empty() || queue_.size() >= kHoldBytes || held_turns_ >= kHoldTurns) return false;
  ++held_turns_;
  return true;
}

net::IoResult ClientOutput::Flush(net::Stream& stream) {
  held_turns_ = 0;
  const net::IoResult written = queue_.Flush(stream);
  const bool is_full = written.status == net::IoStatus::kWouldBlock;
  // The stream is told only of changes, since each may cost a system call.
  if (is_full != socket_is_full_) stream.WatchWrites(is_full);
  socket_is_full_ = is_full;
  return written;
}

void ClientOutput::OnWritable(net::Stream& stream) {
  socket_is_full_ = false;
  // A socket that has room would otherwise wake the loop in every turn.
  stream.WatchWrites(false);
}

}  // namespace ringproxy::proxy
