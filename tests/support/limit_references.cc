#include "tests/support/limit_references.h"

#include <algorithm>
#include <random>

namespace ringproxy::test {
namespace {

// In its refill form: these are for comparison, and easier to read so.
struct Bucket {
  double rate_us, burst, level = burst;
  int64_t last_us = 0;

  void Refill(int64_t now) {
    level = std::min(burst, level + static_cast<double>(now - last_us) * rate_us);
    last_us = now;
  }
  bool Take(int64_t now) {
    Refill(now);
    if (level < 1) return false;
    level -= 1;
    return true;
  }
};

Bucket BucketOf(const proxy::LeaseTerms& terms, double share) {
  const double rate = static_cast<double>(terms.rate.amount) / static_cast<double>(terms.rate.window.count());
  return {.rate_us = rate * share, .burst = std::max(1.0, static_cast<double>(terms.burst) * share)};
}

}  // namespace

ReferenceResult RunStaticSplit(const proxy::LeaseTerms& terms, FleetSize size, const std::vector<Arrival>& arrivals) {
  ReferenceResult result{.name = "static split", .meter = AdmissionMeter(terms)};
  std::vector<Bucket> buckets(size.lessees(), BucketOf(terms, 1.0 / size.lessees()));
  for (const Arrival& arrival : arrivals) {
    if (buckets[arrival.lessee].Take(arrival.time_us)) result.meter.Admit(arrival.time_us);
  }
  return result;
}

ReferenceResult RunStoreWindow(const proxy::LeaseTerms& terms, const std::vector<Arrival>& arrivals, uint64_t seed) {
  ReferenceResult result{.name = "window in the store", .meter = AdmissionMeter(terms)};
  std::mt19937_64 random(seed);
  // A request counts when it reaches the store and goes on when the answer is back.
  std::vector<int64_t> at_store;
  for (const Arrival& arrival : arrivals)
    at_store.push_back(arrival.time_us + 250 + static_cast<int64_t>(random() % 750));
  std::ranges::sort(at_store);
  std::vector<int64_t> admitted;
  int64_t window = -1;
  uint64_t count = 0;
  for (const int64_t time : at_store) {
    if (time / terms.rate.window.count() != window) count = 0;
    window = time / terms.rate.window.count();
    if (++count <= terms.rate.amount) admitted.push_back(time + 250 + static_cast<int64_t>(random() % 750));
  }
  std::ranges::sort(admitted);
  for (const int64_t time : admitted) result.meter.Admit(time);
  result.store_calls = arrivals.size();
  return result;
}

ReferenceResult RunSharedCounters(const proxy::LeaseTerms& terms, FleetSize size,
                                  const std::vector<Arrival>& arrivals) {
  constexpr int64_t kPeriod = 100'000;
  ReferenceResult result{.name = "counters shared every 100 ms", .meter = AdmissionMeter(terms)};
  struct Copy {
    Bucket bucket;
    double untold = 0;
    int64_t next_us = 0;
  };
  Bucket owner = BucketOf(terms, 1);
  std::vector<Copy> copies(size.lessees(), {.bucket = owner});
  for (size_t i = 0; i < copies.size(); ++i) copies[i].next_us = kPeriod * static_cast<int64_t>(i) / size.lessees();
  for (const Arrival& arrival : arrivals) {
    Copy& copy = copies[arrival.lessee];
    const int64_t now = arrival.time_us;
    if (now >= copy.next_us) {
      copy.next_us += (now - copy.next_us) / kPeriod * kPeriod + kPeriod;
      owner.Refill(now);
      owner.level -= copy.untold;
      copy.untold = 0;
      copy.bucket = owner;
      result.store_calls += 2;
    }
    if (!copy.bucket.Take(now)) continue;
    copy.untold += 1;
    result.meter.Admit(now);
  }
  return result;
}

}  // namespace ringproxy::test
