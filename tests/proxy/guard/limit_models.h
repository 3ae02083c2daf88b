// tests/proxy/guard/limit_models.h – Limits as one would write them down, to compare with; and arrivals for both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace ringproxy::test {

inline constexpr int64_t kFirstArrival = 1'700'000'000'123'456'789;

struct TimedCost {
  int64_t at;
  uint64_t cost;
};

// Random arrivals about `mean_gap` apart, often several at once, with rests now and then.
inline std::vector<TimedCost> RandomArrivals(uint64_t seed, size_t count, int64_t mean_gap, uint64_t most_cost) {
  std::mt19937_64 random(seed);
  std::vector<TimedCost> arrivals;
  int64_t now = kFirstArrival;
  while (arrivals.size() < count) {
    const uint64_t kind = random() % 100;
    if (kind == 0) {
      now += static_cast<int64_t>(random() % 2'000) * mean_gap;
    } else if (kind < 70) {
      now += static_cast<int64_t>(random() % static_cast<uint64_t>(2 * mean_gap));
    }
    arrivals.push_back({now, random() % (most_cost + 1)});
  }
  return arrivals;
}

// A bucket that is filled, in credit of which a token is worth its interval: whole numbers, no fraction is lost.
class PlainTokenBucket {
 public:
  PlainTokenBucket(int64_t interval, uint64_t burst)
      : interval_(interval), most_(interval * static_cast<int64_t>(burst)), credit_(most_) {}

  bool Take(const TimedCost& arrival) {
    credit_ = std::min(most_, credit_ + (arrival.at - last_));
    last_ = arrival.at;
    const int64_t price = interval_ * static_cast<int64_t>(arrival.cost);
    if (price > credit_) return false;
    credit_ -= price;
    return true;
  }

 private:
  int64_t interval_;
  int64_t most_;
  int64_t credit_;
  int64_t last_ = 0;
};

// Counts of every window there ever was.
class PlainWindows {
 public:
  PlainWindows(int64_t amount, int64_t window, bool slides) : amount_(amount), window_(window), slides_(slides) {}

  bool Take(const TimedCost& arrival) {
    const int64_t number = arrival.at / window_;
    const auto cost = static_cast<int64_t>(arrival.cost);
    const int64_t left = slides_ ? window_ - arrival.at % window_ : 0;
    if (counts_[number - 1] * left + (counts_[number] + cost) * window_ > amount_ * window_) return false;
    counts_[number] += cost;
    return true;
  }

 private:
  int64_t amount_;
  int64_t window_;
  bool slides_;
  std::map<int64_t, int64_t> counts_;
};

}  // namespace ringproxy::test
