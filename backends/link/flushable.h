// backends/link/flushable.h – What gathers the bytes of a turn and writes them at its end.
//
// Threads: its worker's. Ownership: a list refers to what its owner keeps until the list has been cleared.
#pragma once

#include <cstddef>
#include <vector>

namespace ringproxy::backends {

class Flushable {
 public:
  // Writes what waits. Called once for each time that it has entered itself into the list.
  virtual void Flush() = 0;
  // Waiting to be written.
  virtual size_t batch_bytes() const = 0;

 protected:
  ~Flushable() = default;
};

// Those with something to write; flushed once at the end of the turn.
using FlushList = std::vector<Flushable*>;

}  // namespace ringproxy::backends
