// tests/support/limit_load.h – Arrivals at a fleet of proxies, and what a limiter makes of them.
//
// Promise: equal seeds give equal arrivals, so several limiters can be compared on the same ones.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "proxy/guard/lease_script.h"

namespace ringproxy::test {

// A limiter of each worker of each proxy: a lessee. Those of one proxy are next to each other and equally loaded.
struct FleetSize {
  uint32_t proxies = 4;
  uint32_t workers = 2;

  uint32_t lessees() const { return proxies * workers; }
};

struct LoadPhase {
  double seconds = 10;
  double offered = 3;   // Times the rate.
  double zipf = 0;      // The k-th proxy has a share in proportion to 1 / k^zipf.
  uint32_t rotate = 0;  // The proxy with the most.
};

struct Arrival {
  int64_t time_us = 0;
  uint32_t lessee = 0;
};

std::vector<Arrival> MakeArrivals(double rate, FleetSize size, const std::vector<LoadPhase>& phases, uint64_t seed);

// Watches one limit. Times never go back.
class AdmissionMeter {
 public:
  explicit AdmissionMeter(const proxy::LeaseTerms& terms);
  void Admit(int64_t time_us, uint64_t cost = 1);

  uint64_t admitted() const { return admitted_; }
  // The most that was admitted in any second beyond rate + burst; never below zero.
  double most_beyond_in_a_second() const { return beyond_second_; }
  // The most in any interval t beyond burst + rate·t.
  double most_beyond() const { return beyond_; }
  // In each tenth of a second.
  const std::vector<uint64_t>& tenths() const { return tenths_; }

 private:
  double rate_us_;
  double second_;
  double burst_;
  double queue_ = 0;  // What a bucket without bottom lacks.
  int64_t last_us_ = 0;
  uint64_t admitted_ = 0, in_second_ = 0;
  double beyond_ = 0, beyond_second_ = 0;
  std::deque<std::pair<int64_t, uint64_t>> within_second_;
  std::vector<uint64_t> tenths_;
};

// What one bucket that sees everything would admit.
uint64_t IdealAdmissions(const proxy::LeaseTerms& terms, const std::vector<Arrival>& arrivals);

}  // namespace ringproxy::test
