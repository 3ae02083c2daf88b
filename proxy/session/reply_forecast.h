// proxy/session/reply_forecast.h – How many bytes of replies a client has under way to the nodes, by what its last ones
// let expect.
//
// Purpose: the replies of all clients share a connection to a node. One that pipelines requests for large values would
// have everybody wait behind all of them, which the node itself would not do; so no more is asked for than a bound.
// What is expected grows with a few large replies and falls with dozens of small ones, since clients mix them. A client
// of which nothing is known yet is taken for one whose replies are large, and soon known.
// Threads: plain values. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringproxy::proxy {

class ReplyForecast {
 public:
  void OnRequest() { ++under_way_; }
  void OnFailure() { --under_way_; }
  void OnReply(size_t bytes) {
    --under_way_;
    if (bytes > expected_) {
      expected_ += (bytes - expected_) / kQuick;
      unknown_ = 0;
    } else {
      expected_ -= (expected_ - bytes) / (unknown_ > 0 ? kQuick : kSlow);
    }
    if (unknown_ > 0) --unknown_;
  }
  // No node was ever asked, or none has answered yet.
  bool is_untouched() const { return under_way_ == 0 && unknown_ == kUnknown; }
  // Of all replies that are under way.
  size_t bytes() const { return under_way_ * expected_; }
  // Whether one request more would exceed the bound. The first is always welcome.
  bool is_full() const { return under_way_ > 0 && (under_way_ + 1) * expected_ > kMost; }
  // Whether so many replies at once may exceed the bound, however small the last ones were: a transaction's come in one
  // piece, and are not learnt from before they are there.
  bool IsMuch(size_t replies) const { return replies * (expected_ > kMayBe ? expected_ : kMayBe) > kMost; }

 private:
  static constexpr size_t kMost = 4 << 20;
  static constexpr size_t kMayBe = 64 << 10;
  static constexpr size_t kQuick = 4;
  static constexpr size_t kSlow = 64;
  static constexpr uint8_t kUnknown = 32;

  size_t under_way_ = 0;         // Requests that nodes have not answered.
  size_t expected_ = 256 << 10;  // Of one reply.
  uint8_t unknown_ = kUnknown;   // Replies until what is expected is known rather than assumed.
};

}  // namespace ringproxy::proxy
