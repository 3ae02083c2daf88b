// backends/net/place_list.h – A list whose places are used again, so that tickets can name them by number.
//
// Purpose: no allocation once it is as long as it ever gets. A place is handed out as its last owner left it, with the
// capacity of what it holds; whoever takes it makes it new, and counts a generation where old tickets may still lead.
// References: as Places has them; a std::deque keeps them while the list grows.
// Threads: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringproxy::net {

template <typename T, typename Places = std::vector<T>>
class PlaceList {
 public:
  uint32_t Acquire() {
    if (free_.empty()) {
      places_.emplace_back();
      return static_cast<uint32_t>(places_.size() - 1);
    }
    const uint32_t place = free_.back();
    free_.pop_back();
    return place;
  }
  void Release(uint32_t place) { free_.push_back(place); }

  // Gives the memory back when nobody has a place, nor a number of one.
  void ShrinkIfUnused() {
    if (in_use() > 0) return;
    Places().swap(places_);
    std::vector<uint32_t>().swap(free_);
  }

  T& operator[](uint32_t place) { return places_[place]; }
  const T& operator[](uint32_t place) const { return places_[place]; }
  size_t in_use() const { return places_.size() - free_.size(); }

  // All places, also those that nobody uses.
  auto begin() { return places_.begin(); }
  auto end() { return places_.end(); }
  auto begin() const { return places_.begin(); }
  auto end() const { return places_.end(); }

 private:
  Places places_;
  std::vector<uint32_t> free_;
};

}  // namespace ringproxy::net
