#include "backends/line_limit.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "conf/units.h"

namespace ringproxy::backends {
namespace {

// As much of a line as shows what others like it are about.
constexpr size_t kExampleBytes = 200;

// Those that have left lines out, and the mutex of all.
struct LimitsInDebt {
  std::mutex mutex;
  std::vector<LineLimit*> limits;
};

// Never destroyed: a thread that nobody joins may log while static objects end.
LimitsInDebt& InDebt() {
  static auto* const in_debt = new LimitsInDebt;
  return *in_debt;
}

std::string LeftOutText(uint64_t count) {
  return conf::FormatNumberOf(count, "more line") + " like this " + (count == 1 ? "was" : "were") + " left out";
}

}  // namespace

LineLimit::~LineLimit() {
  LimitsInDebt& in_debt = InDebt();
  const std::lock_guard lock(in_debt.mutex);
  std::erase(in_debt.limits, this);
}

std::optional<uint64_t> LineLimit::Take(net::TimePoint now) {
  LimitsInDebt& in_debt = InDebt();
  const std::lock_guard lock(in_debt.mutex);
  if (!Pay(now)) {
    if (left_out_++ == 0) in_debt.limits.push_back(this);
    return std::nullopt;
  }
  if (left_out_ > 0) std::erase(in_debt.limits, this);
  return std::exchange(left_out_, 0);
}

// A line is paid for by the interval after the last one that was; what was not used for a burst is forgotten.
bool LineLimit::Pay(net::TimePoint now) {
  paid_until_ = std::max(paid_until_, now - burst_ * interval_);
  if (paid_until_ + interval_ > now) return false;
  paid_until_ += interval_;
  return true;
}

void LineLimit::Write(spdlog::level::level_enum level, std::string line, uint64_t left_out) {
  {
    const std::lock_guard lock(InDebt().mutex);
    example_ = line.substr(0, kExampleBytes);
    level_ = level;
  }
  if (left_out > 0) line += " (" + LeftOutText(left_out) + ")";
  spdlog::log(level, "{}", line);
}

// Requires: the mutex is held.
LineLimit::LeftOut LineLimit::TakeLeftOut() {
  return {level_, LeftOutText(std::exchange(left_out_, 0)) + ": " + example_};
}

void LineLimit::SayLeftOut(net::TimePoint now) {
  std::vector<LeftOut> due;
  {
    LimitsInDebt& in_debt = InDebt();
    const std::lock_guard lock(in_debt.mutex);
    std::erase_if(in_debt.limits, [&](LineLimit* limit) {
      if (!limit->Pay(now)) return false;
      due.push_back(limit->TakeLeftOut());
      return true;
    });
  }
  for (const LeftOut& left_out : due) spdlog::log(left_out.level, "{}", left_out.line);
}

void LineLimit::SayAllLeftOut() {
  std::vector<LeftOut> all;
  {
    LimitsInDebt& in_debt = InDebt();
    const std::lock_guard lock(in_debt.mutex);
    for (LineLimit* const limit : in_debt.limits) all.push_back(limit->TakeLeftOut());
    in_debt.limits.clear();
  }
  for (const LeftOut& left_out : all) spdlog::log(left_out.level, "{}", left_out.line);
}

}  // namespace ringproxy::backends
