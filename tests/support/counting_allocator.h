// tests/support/counting_allocator.h – Counts what a piece of code takes from the heap.
//
// Purpose: "no allocation once warm" is a promise of the request path; a test holds it by counting. Linking
// counting_allocator.cc replaces the global operators new and delete, which then count for the thread that calls them.
// Threads: each counts for itself.
#pragma once

#include <cstdint>

namespace ringproxy::test {

// Calls of operator new by this thread since it started.
uint64_t AllocationsOfThisThread();

class AllocationCounter {
 public:
  // Since this counter was made.
  uint64_t count() const { return AllocationsOfThisThread() - start_; }

 private:
  uint64_t start_ = AllocationsOfThisThread();
};

}  // namespace ringproxy::test
