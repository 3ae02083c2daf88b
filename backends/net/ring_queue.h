// backends/net/ring_queue.h – A FIFO in a power-of-two ring with access by position.
//
// Purpose: slots and in-flight entries: no allocation once its capacity suffices, and none kept by an empty queue that
// was once large.
// Threads: one owner.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>

namespace ringproxy::net {

template <typename T, size_t kKeptCapacity = 8>
class RingQueue {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }

  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  T& operator[](size_t i) {
    assert(i < size_);
    return items_[(head_ + i) & (capacity_ - 1)];
  }
  const T& operator[](size_t i) const {
    assert(i < size_);
    return items_[(head_ + i) & (capacity_ - 1)];
  }

  T& push_back(T item) {
    if (size_ == capacity_) Resize(capacity_ == 0 ? kKeptCapacity : 2 * capacity_);
    T& place = items_[(head_ + size_) & (capacity_ - 1)];
    place = std::move(item);
    ++size_;
    return place;
  }
  // The item's place keeps its moved-from value; whoever pops takes what it owns first.
  void pop_front() {
    assert(size_ > 0);
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
  }
  // Takes `count` items out, from `first` on; those behind them move up.
  void Erase(size_t first, size_t count) {
    assert(first + count <= size_);
    for (size_t i = first; i + count < size_; ++i) (*this)[i] = std::move((*this)[i + count]);
    size_ -= count;
  }
  // Gives memory back that an empty queue does not need. Not done on every emptying: a client that pipelines the same
  // depth again would pay an allocation for each batch.
  void ShrinkIfEmpty() {
    if (size_ == 0 && capacity_ > kKeptCapacity) {
      items_.reset();
      capacity_ = head_ = 0;
    }
  }

 private:
  static_assert(std::has_single_bit(kKeptCapacity));

  void Resize(size_t capacity) {
    auto items = std::make_unique<T[]>(capacity);
    for (size_t i = 0; i < size_; ++i) items[i] = std::move((*this)[i]);
    items_ = std::move(items);
    capacity_ = capacity;
    head_ = 0;
  }

  std::unique_ptr<T[]> items_;
  size_t capacity_ = 0;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace ringproxy::net
