// backends/net/address_walk.h – The addresses of a name, tried one after another, each for a share of the time.
//
// Pure: reads no clock.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

#include "backends/net/connect_error.h"
#include "backends/net/loop.h"
#include "backends/net/socket_address.h"

namespace ringproxy::net {

class AddressWalk {
 public:
  AddressWalk() = default;
  // Until `end` one of them should be connected; a time of 0 = they have as long as the system takes.
  AddressWalk(std::vector<SocketAddress> addresses, TimePoint end) : addresses_(std::move(addresses)), end_(end) {}

  bool at_end() const { return next_ == addresses_.size(); }
  // Requires: not at_end().
  const SocketAddress& Next() {
    assert(!at_end());
    return addresses_[next_++];
  }
  // What Next gave last. Requires: it has given one.
  const SocketAddress& current() const {
    assert(next_ > 0);
    return addresses_[next_ - 1];
  }
  bool has_alternatives() const { return addresses_.size() > 1; }
  // For the address that Next gave: its part of what is left. 0 = it has all of that, as there is no other.
  Duration Share(TimePoint now) const {
    if (at_end() || end_ == TimePoint()) return Duration(0);
    const auto waiting = static_cast<int64_t>(addresses_.size() - next_);
    return std::max(Duration(1), (end_ - now) / (waiting + 1));
  }

  // An attempt has failed. What is told in the end is the first error, unless this machine had no way there.
  void NoteError(int error) {
    if (error_ == 0 || (HasNoWay(error_) && !HasNoWay(error))) error_ = error;
  }
  int error() const { return error_; }

 private:
  std::vector<SocketAddress> addresses_;
  TimePoint end_{};
  size_t next_ = 0;
  int error_ = 0;
};

}  // namespace ringproxy::net
