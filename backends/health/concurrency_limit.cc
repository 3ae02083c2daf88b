#include "backends/health/concurrency_limit.h"

#include <cmath>
#include <limits>

namespace ringproxy::backends {
namespace {

constexpr double kCut = 0.9;
// Gradient2's own: one window moves the limit by a fifth of the way.
constexpr double kSmoothing = 0.2;

double Step(double limit, double gradient) {
  return kSmoothing * (limit * gradient + std::sqrt(limit) - limit);
}

}  // namespace

ConcurrencyLimit::ConcurrencyLimit(const conf::Concurrency& options)
    : options_(options), is_on_(options.algorithm != conf::ConcurrencyAlgorithm::kOff) {
  if (is_on_) {
    Set(options.max);
  } else {
    rests_ = true;
    limit_ = common_limit_ = std::numeric_limits<uint32_t>::max();
  }
}

bool ConcurrencyLimit::Set(double value) {
  const uint32_t before = limit_;
  value_ = std::clamp<double>(value, options_.min, options_.max);
  limit_ = static_cast<uint32_t>(value_);
  // Rounded down, for a reserve of 10 % is no less than that; but the pool is never closed to them.
  const uint64_t common = uint64_t{limit_} * (1000 - std::min(options_.reserve.thousandths, 1000U)) / 1000;
  common_limit_ = static_cast<uint32_t>(std::max<uint64_t>(common, 1));
  // At its maximum aimd cannot grow, and a good reply changes nothing else.
  rests_ = options_.algorithm == conf::ConcurrencyAlgorithm::kAimd && limit_ == options_.max;
  return limit_ != before;
}

bool ConcurrencyLimit::OnTimeout(uint64_t in_flight, net::TimePoint now) {
  if (!is_on_ || in_flight < options_.min) return false;
  was_used_ = true;
  if (now < next_cut_) return false;
  next_cut_ = now + kCutPause;
  replies_ = 0;
  return Set(kCut * std::min(value_, static_cast<double>(in_flight)));
}

bool ConcurrencyLimit::Learn(const Reply& reply, net::TimePoint now) {
  const bool is_used = UsesHalf(reply.in_flight);
  was_used_ = was_used_ || is_used;
  if (options_.algorithm == conf::ConcurrencyAlgorithm::kAimd) {
    // So many replies are about one round trip, after which TCP grows by one too.
    if (!is_used || ++replies_ < limit_) return false;
    replies_ = 0;
    return Set(value_ + 1);
  }
  gradient_.Add(reply.latency, reply.timed, reply.in_flight);
  return gradient_.WindowIsOver(now) && FollowGradient(gradient_.EndWindow(now));
}

bool ConcurrencyLimit::FollowGradient(const LatencyGradient::WindowReading& window) {
  const auto most = static_cast<double>(window.most_in_flight);
  // Shrinks from what was under way, for a limit that nobody has reached did nothing about the queue.
  const double used = std::min(value_, most);
  if (Step(used, window.gradient) < 0) return most >= options_.min && Set(used + Step(used, window.gradient));
  return most * 2 >= value_ && Set(value_ + Step(value_, window.gradient));
}

bool ConcurrencyLimit::OnSecond() {
  const bool was_used = was_used_;
  was_used_ = false;
  calm_seconds_ = was_used ? 0 : calm_seconds_ + 1;
  if (!is_on_ || calm_seconds_ < kCalmSeconds || limit_ == options_.max) return false;
  return Set(options_.max);
}

}  // namespace ringproxy::backends
