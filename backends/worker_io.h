// backends/worker_io.h – What a worker lends to everything that moves bytes on its loop.
//
// Lifetime: outlives every session and node connection of the worker.
#pragma once

#include <random>

#include "backends/net/block_pool.h"
#include "backends/net/input_buffer.h"
#include "backends/net/loop.h"
#include "backends/net/memory_budget.h"

namespace ringproxy::backends {

struct WorkerIo {
  net::Loop& loop;
  net::BlockPool blocks;
  net::ReadBuffer read_buffer;
  std::mt19937_64 random;  // Jitter; seeded by the worker, so that a simulation repeats.
  net::MemoryBudget memory{};
};

}  // namespace ringproxy::backends
