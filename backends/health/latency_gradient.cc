#include "backends/health/latency_gradient.h"

namespace ringproxy::backends {
namespace {

constexpr double kTolerance = 1.5;
// Gradient2's bound: one bad window does no more than that.
constexpr double kLeastGradient = 0.5;
constexpr uint32_t kUsualWindows = 300;  // Then a new one weighs 2/601 (an exponential mean of 600 windows).
// After an overload the usual latency is too high, and would let the next one pass.
constexpr double kFarAbove = 2;
constexpr double kForget = 0.95;

}  // namespace

LatencyGradient::WindowReading LatencyGradient::EndWindow(net::TimePoint now) {
  const auto shortest = static_cast<double>(kShortestLatency.count());
  const double mean = std::max(shortest, static_cast<double>(latency_sum_us_) / latencies_);
  const uint64_t most = most_in_flight_;
  window_end_ = now + kWindow;
  latency_sum_us_ = 0;
  latencies_ = 0;
  most_in_flight_ = 0;

  windows_ = std::min(windows_ + 1, kUsualWindows);
  // The first windows make a plain mean, for an exponential one would take a minute to come up from zero.
  const double weight = windows_ < kUsualWindows ? 1.0 / windows_ : 2.0 / (2 * kUsualWindows + 1);
  usual_us_ += (mean - usual_us_) * weight;
  if (usual_us_ > kFarAbove * mean) usual_us_ *= kForget;
  return {std::clamp(kTolerance * usual_us_ / mean, kLeastGradient, 1.0), most};
}

}  // namespace ringproxy::backends
