#include "proxy/guard/limit_algorithm.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>

namespace ringproxy::proxy {
namespace {

using conf::LimitAlgorithm;

// A count (24 bits) times a window in nanoseconds (47 bits for a day) is too long for 64 bits.
__extension__ using Wide = unsigned __int128;

// One second: a single huge reply must not lock its client out for minutes.
constexpr int64_t kMostDebtNs = 1'000'000'000;
// So that no sum of a time and a tolerance overflows.
constexpr int64_t kMostTolerance = std::numeric_limits<int64_t>::max() / 4;
constexpr int kCountBits = 24;

// Four fifths, rounded up.
bool IsNear(uint64_t used, uint64_t whole) {
  return used >= whole - whole / 5;
}

double Share(double used, double whole) {
  return whole > 0 ? used / whole : 1;
}

class TokenBucket {
 public:
  explicit TokenBucket(const BucketLimit& limit)
      : limit_(limit), gcra_(limit.interval_ns, limit.tolerance_ns, limit.max_wait_ns) {}

  BucketAnswer Take(int64_t now, uint64_t cost, uint64_t* word) const {
    auto tat = static_cast<int64_t>(*word);
    const backends::Gcra::Answer answer = gcra_.Take(now, cost, &tat);
    *word = static_cast<uint64_t>(tat);
    return {.admitted = answer.admitted,
            .near_limit = IsNear(static_cast<uint64_t>(answer.used_ns), static_cast<uint64_t>(limit_.tolerance_ns)),
            .wait_ns = answer.wait_ns};
  }

  void GiveBack(int64_t taken, uint64_t cost, uint64_t* word) const {
    auto tat = static_cast<int64_t>(*word);
    gcra_.GiveBack(taken, cost, &tat);
    *word = static_cast<uint64_t>(tat);
  }

  void Charge(int64_t now, uint64_t cost, uint64_t* word) const {
    auto tat = static_cast<int64_t>(*word);
    gcra_.Charge(now, cost, kMostDebtNs, &tat);
    *word = static_cast<uint64_t>(tat);
  }

  bool IsFull(int64_t now, uint64_t word) const { return static_cast<int64_t>(word) <= now; }

  double Used(int64_t now, uint64_t word) const {
    return Share(static_cast<double>(backends::Gcra::Used(now, static_cast<int64_t>(word))),
                 static_cast<double>(limit_.tolerance_ns));
  }

 private:
  const BucketLimit& limit_;
  backends::Gcra gcra_;
};

class FixedWindow {
 public:
  explicit FixedWindow(const BucketLimit& limit) : limit_(limit) {}

  BucketAnswer Take(int64_t now, uint64_t cost, uint64_t* word) const {
    WindowCount state = At(now, *word);
    BucketAnswer answer;
    // Debt may have taken the count beyond the amount, and then amount - count would wrap.
    answer.admitted = cost <= limit_.amount && state.count <= limit_.amount - cost;
    if (answer.admitted && cost > 0) {
      state.count += cost;
      *word = Pack(state);
    } else if (!answer.admitted) {
      answer.wait_ns = cost > limit_.amount ? kNever : (state.number + 1) * limit_.window_ns - now;
    }
    answer.near_limit = IsNear(state.count, limit_.amount);
    return answer;
  }

  void GiveBack(int64_t taken, uint64_t cost, uint64_t* word) const {
    WindowCount state = Unpack(*word);
    if (state.number != taken / limit_.window_ns) return;  // What was taken is forgotten already.
    state.count -= std::min(cost, state.count);
    *word = Pack(state);
  }

  void Charge(int64_t now, uint64_t cost, uint64_t* word) const {
    WindowCount state = At(now, *word);
    // The count stops at its bound, for beyond it would run into the bits of the window's number.
    state.count += std::min(cost, kMostInWindow - state.count);
    if (cost > 0) *word = Pack(state);
  }

  bool IsFull(int64_t now, uint64_t word) const { return At(now, word).count == 0; }

  double Used(int64_t now, uint64_t word) const {
    return Share(static_cast<double>(At(now, word).count), static_cast<double>(limit_.amount));
  }

 private:
  struct WindowCount {
    int64_t number;  // 40 bits: of milliseconds, 34 years.
    uint64_t count;
  };

  static WindowCount Unpack(uint64_t word) { return {static_cast<int64_t>(word >> kCountBits), word & kMostInWindow}; }
  static uint64_t Pack(const WindowCount& state) {
    return static_cast<uint64_t>(state.number) << kCountBits | state.count;
  }

  // A window that another worker has opened stays open for one whose clock is behind.
  WindowCount At(int64_t now, uint64_t word) const {
    const WindowCount state = Unpack(word);
    const int64_t number = now / limit_.window_ns;
    return state.number >= number ? state : WindowCount{number, 0};
  }

  const BucketLimit& limit_;
};

class SlidingWindow {
 public:
  explicit SlidingWindow(const BucketLimit& limit) : limit_(limit) {}

  BucketAnswer Take(int64_t now, uint64_t cost, uint64_t* word) const {
    TwoWindows state = At(now, *word);
    const Wide used = Weighted(now, state);
    const Wide whole = Wide{limit_.amount} * Window();
    BucketAnswer answer;
    answer.admitted = cost <= limit_.amount && used + Wide{cost} * Window() <= whole;
    if (answer.admitted && cost > 0) {
      state.current += cost;
      *word = Pack(state);
    } else if (!answer.admitted) {
      answer.wait_ns = cost > limit_.amount ? kNever : AdmittedAt(state, cost) - now;
    }
    answer.near_limit = Weighted(now, state) * 5 >= whole * 4;
    return answer;
  }

  // The window of the Take may be the last one by now; to have been taken there is still known.
  void GiveBack(int64_t taken, uint64_t cost, uint64_t* word) const {
    const int64_t number = taken / limit_.window_ns;
    TwoWindows state = At(taken, *word);
    uint64_t& count = state.number == number ? state.current : state.previous;
    if (state.number > number + 1 || count == 0) return;
    count -= std::min(cost, count);
    *word = Pack(state);
  }

  void Charge(int64_t now, uint64_t cost, uint64_t* word) const {
    TwoWindows state = At(now, *word);
    state.current += std::min(cost, kMostInWindow - state.current);
    if (cost > 0) *word = Pack(state);
  }

  bool IsFull(int64_t now, uint64_t word) const {
    const TwoWindows state = At(now, word);
    return state.previous == 0 && state.current == 0;
  }

  double Used(int64_t now, uint64_t word) const {
    return Share(static_cast<double>(Weighted(now, At(now, word))),
                 static_cast<double>(limit_.amount) * static_cast<double>(limit_.window_ns));
  }

 private:
  struct TwoWindows {
    int64_t number;
    uint64_t previous;
    uint64_t current;
  };

  Wide Window() const { return static_cast<Wide>(limit_.window_ns); }

  static uint64_t Pack(const TwoWindows& state) {
    return static_cast<uint64_t>(state.number) << (2 * kCountBits) | state.previous << kCountBits | state.current;
  }

  // The word keeps 16 bits of the window's number. A bucket that rested for a multiple of 65,536 windows is taken for
  // one that did not: it admits less for two or three windows, never more. As above, a newer window stays, but not one
  // further ahead than a clock can be behind: that one is old.
  TwoWindows At(int64_t now, uint64_t word) const {
    constexpr int kMostAhead = 2;
    const int64_t number = now / limit_.window_ns;
    // As a signed number of 16 bits the difference is right across the end of the numbers, too.
    const auto ahead = static_cast<int16_t>(static_cast<uint16_t>(word >> (2 * kCountBits)) - number);
    const uint64_t previous = word >> kCountBits & kMostInWindow;
    const uint64_t current = word & kMostInWindow;
    if (ahead == -1) return {number, current, 0};
    if (ahead >= 0 && ahead <= kMostAhead) return {number + ahead, previous, current};
    return {number, 0, 0};
  }

  // What is used, times the window: the last window counts by its overlap with the window's length before `now`.
  Wide Weighted(int64_t now, const TwoWindows& state) const {
    const int64_t elapsed = std::max<int64_t>(now - state.number * limit_.window_ns, 0);
    return Wide{state.previous} * static_cast<Wide>(limit_.window_ns - elapsed) + Wide{state.current} * Window();
  }

  // When `cost`, refused now, would be admitted: as soon as so little is left of this window, or of the next one, that
  // the count before it has shrunk to the room beside `cost`.
  int64_t AdmittedAt(const TwoWindows& state, uint64_t cost) const {
    const uint64_t room = limit_.amount - cost;
    const bool in_this = state.current <= room;
    const Wide shrunk = in_this ? Wide{room - state.current} * Window() / state.previous  // It refuses: so it is not 0.
                                : Wide{room} * Window() / state.current;
    return (state.number + (in_this ? 1 : 2)) * limit_.window_ns - static_cast<int64_t>(shrunk);
  }

  const BucketLimit& limit_;
};

class Concurrency {
 public:
  explicit Concurrency(const BucketLimit& limit) : limit_(limit) {}

  BucketAnswer Take(int64_t, uint64_t cost, uint64_t* word) const {
    BucketAnswer answer;
    answer.admitted = cost <= limit_.amount && *word <= limit_.amount - cost;
    if (answer.admitted) *word += cost;
    if (cost > limit_.amount) answer.wait_ns = kNever;
    answer.near_limit = IsNear(*word, limit_.amount);
    return answer;
  }
  // Never below zero: a count that wraps would refuse everybody for ever.
  void GiveBack(int64_t, uint64_t cost, uint64_t* word) const { *word -= std::min(cost, *word); }
  void Charge(int64_t, uint64_t, uint64_t*) const {}
  bool IsFull(int64_t, uint64_t word) const { return word == 0; }
  double Used(int64_t, uint64_t word) const {
    return Share(static_cast<double>(word), static_cast<double>(limit_.amount));
  }

 private:
  const BucketLimit& limit_;
};

template <typename Operation>
auto With(const BucketLimit& limit, Operation operation) {
  switch (limit.algorithm) {
    case LimitAlgorithm::kTokenBucket: return operation(TokenBucket(limit));
    case LimitAlgorithm::kSlidingWindow: return operation(SlidingWindow(limit));
    case LimitAlgorithm::kFixedWindow: return operation(FixedWindow(limit));
    case LimitAlgorithm::kConcurrency: break;
  }
  return operation(Concurrency(limit));
}

}  // namespace

BucketLimit MakeBucketLimit(LimitAlgorithm algorithm, conf::Rate rate, uint64_t burst, uint32_t in_flight) {
  BucketLimit limit;
  limit.algorithm = algorithm;
  if (algorithm == LimitAlgorithm::kConcurrency) {
    limit.amount = in_flight;
    return limit;
  }
  assert(rate.window.count() > 0);
  limit.window_ns = std::chrono::nanoseconds(rate.window).count();
  limit.amount = std::min(rate.amount, kMostInWindow);
  if (algorithm != LimitAlgorithm::kTokenBucket || rate.amount == 0) return limit;
  const auto window = static_cast<uint64_t>(limit.window_ns);
  // Rounded up: where a rate is no whole number of nanoseconds it is rather missed than exceeded.
  const uint64_t interval = window / rate.amount + (window % rate.amount > 0 ? 1 : 0);
  constexpr uint64_t kTenthOfSecondNs = 100'000'000;
  const Wide tenth = std::max<Wide>(Wide{rate.amount} * kTenthOfSecondNs / window, 1);
  const Wide tolerance = (burst > 0 ? Wide{burst} : tenth) * interval;
  limit.interval_ns = static_cast<int64_t>(interval);
  limit.tolerance_ns = static_cast<int64_t>(std::min<Wide>(tolerance, kMostTolerance));
  return limit;
}

BucketAnswer TakeFrom(const BucketLimit& limit, int64_t now_ns, uint64_t cost, uint64_t* word) {
  return With(limit, [&](const auto& bucket) { return bucket.Take(now_ns, cost, word); });
}

void GiveBack(const BucketLimit& limit, int64_t taken_ns, uint64_t cost, uint64_t* word) {
  With(limit, [&](const auto& bucket) { bucket.GiveBack(taken_ns, cost, word); });
}

void ChargeTo(const BucketLimit& limit, int64_t now_ns, uint64_t cost, uint64_t* word) {
  With(limit, [&](const auto& bucket) { bucket.Charge(now_ns, cost, word); });
}

bool IsFull(const BucketLimit& limit, int64_t now_ns, uint64_t word) {
  return With(limit, [&](const auto& bucket) { return bucket.IsFull(now_ns, word); });
}

double UsedShare(const BucketLimit& limit, int64_t now_ns, uint64_t word) {
  return With(limit, [&](const auto& bucket) { return bucket.Used(now_ns, word); });
}

}  // namespace ringproxy::proxy
