// tools/benchmark/fanout.h – Many listeners of one channel: what a published message costs until the last one has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/benchmark/load_options.h"
#include "tools/benchmark/process_costs.h"

namespace ringproxy::bench {

struct FanoutReport {
  uint64_t deliveries = 0;  // Of whole messages.
  double seconds = 0;
  double slowest_ms = 0;  // Of all messages, from being published until the last listener had it.
  ProcessCosts::Spent spent;
};

// Opens options.listeners subscribers of one channel and publishes options.messages, each when all have the one before.
// A message that is late for ten seconds, or not the one that was published, ends the program.
FanoutReport RunFanout(const LoadOptions& options);

}  // namespace ringproxy::bench
