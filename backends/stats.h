// backends/stats.h – Counters and histograms with one writer, and those of a node.
//
// Threads: only the owning worker writes; any thread may read at any time and sees each value whole, a scrape of
// several values is not one instant. No read-modify-write on the request path.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class Counter {
 public:
  // Each request counts in several places, and a call would cost more than the addition.
  [[gnu::always_inline]] void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Subtract(uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Durations in buckets that double: bucket i counts those below 2^i microseconds, the last one all longer ones.
class Histogram {
 public:
  static constexpr size_t kBuckets = 26;  // Up to 2^24 us, about 17 s.

  void Record(net::Duration duration) {
    const auto us = static_cast<uint64_t>(duration.count() < 0 ? 0 : duration.count());
    const auto bucket = static_cast<size_t>(std::bit_width(us));
    buckets_[bucket < kBuckets ? bucket : kBuckets - 1].Add();
    sum_us_.Add(us);
  }
  uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  uint64_t sum_us() const { return sum_us_.value(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_us_;
};

// Of one node in one worker.
struct NodeStats {
  Counter requests;   // Of clients, with their retries; the guard's own probes are none.
  Counter failures;   // Requests answered with an error of ours: node down, timeout, broken connection.
  Counter overloads;  // Requests refused because enough are in flight, which is no failure of the node's.
  Counter timeouts;
  Counter excused_timeouts;   // Of those, not held against the node: see NodeWitness.
  Counter late_replies;       // Discarded: their requests had timed out.
  Counter pushes;             // Frames that answered nothing.
  Counter scans_skipped;      // Times that a SCAN went on without the node.
  Counter subscription_gaps;  // Subscriptions that were renewed, or began late: messages may have been missed.
  Counter given_back;         // Replies of waits whose clients had left.
  Counter lost_data;          // Likewise, those that could not be given back.
  Counter connects;           // Connections that became ready.
  Counter connect_failures;
  Counter bytes_sent;
  Counter bytes_received;
  Counter in_flight;
  Counter heavy_in_flight;    // Of those, what may keep the node busy for long and has time left.
  Counter concurrency_limit;  // Of in_flight; 0 = none.
  Counter ready_connections;
  Counter pinned_links;   // Leased to a client each.
  Counter breaker_state;  // CircuitBreaker::BreakerState
  Histogram request_duration;
};

}  // namespace ringproxy::backends
