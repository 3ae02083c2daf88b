#include "tests/support/limit_load.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/support/zipf_keys.h"

namespace ringproxy::test {

std::vector<Arrival> MakeArrivals(double rate, FleetSize size, const std::vector<LoadPhase>& phases, uint64_t seed) {
  std::vector<Arrival> arrivals;
  std::mt19937_64 random(seed);
  const auto uniform = [&random] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  double now = 0, end = 0;
  for (const LoadPhase& phase : phases) {
    ZipfKeys proxies(size.proxies, phase.zipf, random());
    now = end;
    end += phase.seconds * 1e6;
    while (phase.offered > 0 && (now -= std::log(1 - uniform()) / (rate * phase.offered) * 1e6) < end) {
      const auto proxy = static_cast<uint32_t>((proxies.Next() + phase.rotate) % size.proxies);
      const auto worker = static_cast<uint32_t>(uniform() * size.workers);
      arrivals.push_back({static_cast<int64_t>(now), proxy * size.workers + worker});
    }
  }
  return arrivals;
}

AdmissionMeter::AdmissionMeter(const proxy::LeaseTerms& terms)
    : rate_us_(static_cast<double>(terms.rate.amount) / static_cast<double>(terms.rate.window.count())),
      second_(rate_us_ * 1e6 + static_cast<double>(terms.burst)),
      burst_(static_cast<double>(terms.burst)) {}

void AdmissionMeter::Admit(int64_t time_us, uint64_t cost) {
  const auto tokens = static_cast<double>(cost);
  queue_ = std::max(0.0, queue_ - static_cast<double>(time_us - last_us_) * rate_us_) + tokens;
  last_us_ = time_us;
  beyond_ = std::max(beyond_, queue_ - burst_);
  admitted_ += cost;
  in_second_ += cost;
  within_second_.emplace_back(time_us, cost);
  for (; within_second_.front().first <= time_us - 1'000'000; within_second_.pop_front()) {
    in_second_ -= within_second_.front().second;
  }
  beyond_second_ = std::max(beyond_second_, static_cast<double>(in_second_) - second_);
  const auto tenth = static_cast<size_t>(time_us / 100'000);
  if (tenth >= tenths_.size()) tenths_.resize(tenth + 1);
  tenths_[tenth] += cost;
}

uint64_t IdealAdmissions(const proxy::LeaseTerms& terms, const std::vector<Arrival>& arrivals) {
  const double per_token = static_cast<double>(terms.rate.window.count()) / static_cast<double>(terms.rate.amount);
  const double tolerance = per_token * static_cast<double>(terms.burst);
  double tat = 0;
  uint64_t admitted = 0;
  for (const Arrival& arrival : arrivals) {
    const auto now = static_cast<double>(arrival.time_us);
    const double next = std::max(tat, now) + per_token;
    if (next - now > tolerance + 1e-6) continue;
    tat = next;
    ++admitted;
  }
  return admitted;
}

}  // namespace ringproxy::test
