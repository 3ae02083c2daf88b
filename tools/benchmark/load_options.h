// tools/benchmark/load_options.h – What bench_load was asked to do.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/benchmark/request_set.h"

namespace ringproxy::bench {

struct LoadOptions {
  std::string address;
  size_t connections = 50;
  size_t pipeline = 1;            // closed loop: requests sent at once, then all replies awaited
  uint64_t requests = 0;          // ends the run after so many; 0 = by time
  double seconds = 1;             // the measured window
  double warmup = 0.2;            // before it; not measured
  double rate = 0;                // open loop: requests a second on a fixed schedule; 0 = closed loop
  bool one_at_a_time = false;     // Open loop: on a connection that waits for no reply, while there is one.
  bool until_stdin_ends = false;  // instead of `seconds`
  std::string trace;              // file for a record of each reply; empty = none
  double linger = 0;              // seconds for which the connections stay open, idle, after the run
  bool resp3 = false;             // HELLO 3 before the first request
  RequestShape shape;
  std::vector<std::pair<std::string, int>> watched;  // name, process id
  int count_calls_of = 0;                            // process id; 0 = nobody
  size_t idle = 0;                                   // only open so many connections and hold them
  bool ping = false;                                 // idle: one PING on each
  size_t listeners = 0;                              // only publish to so many subscribers
  size_t messages = 100;                             // listeners: so many times
};

// Reads the command line. Nothing: help or the reason was printed, and `exit_code` says how to leave.
std::optional<LoadOptions> ParseLoadOptions(int argc, char** argv, int& exit_code);

}  // namespace ringproxy::bench
