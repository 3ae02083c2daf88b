// proxy/control/published.h – One value that a worker replaces now and then and the control loop reads.
//
// Threads: any. A mutex, since std::atomic<std::shared_ptr> is none of g++ 12's better parts; it is held for a copy of
// a pointer, once a second, and never on the way of a request.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace ringproxy::proxy {

template <typename T>
class Published {
 public:
  void Set(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_.swap(value);  // The old one dies outside the lock, with `value`.
  }
  // nullptr before the first Set.
  std::shared_ptr<const T> Get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace ringproxy::proxy
