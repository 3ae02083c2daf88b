#include "backends/health/ejection.h"

#include <algorithm>

namespace ringproxy::backends {

Ejection::Ejection(size_t nodes, conf::Ratio max_ejected, conf::DownPolicy policy)
    : limit_(nodes * max_ejected.thousandths / 1000), policy_(policy), sick_(nodes) {
  // However small the pool: its keys have a place to go to.
  if (limit_ == 0 && policy == conf::DownPolicy::kGutter && max_ejected.thousandths > 0) limit_ = 1;
}

void Ejection::SetSick(size_t node, bool sick) {
  if (sick_[node] == sick) return;
  sick_[node] = sick;
  if (sick) {
    order_.push_back(node);
  } else {
    std::erase(order_, node);
  }
  // Going in and out at two numbers keeps one node that comes and goes from switching the whole pool.
  if (order_.size() > limit_) fails_open_ = policy_ == conf::DownPolicy::kError;
  if (order_.size() * 5 <= limit_ * 3) fails_open_ = false;
}

bool Ejection::IsEjected(size_t node) const {
  const auto last = order_.begin() + static_cast<std::ptrdiff_t>(std::min(limit_, order_.size()));
  return std::find(order_.begin(), last, node) != last;
}

Verdict Ejection::verdict(size_t node) const {
  if (fails_open_) return Verdict::kKeepAsking;
  if (!sick_[node]) return Verdict::kServe;
  return IsEjected(node) ? Verdict::kEjected : Verdict::kKeepAsking;
}

}  // namespace ringproxy::backends
