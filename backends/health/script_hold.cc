#include "backends/health/script_hold.h"

#include <utility>

namespace ringproxy::backends {

void ScriptHold::OnSent() {
  const bool is_first = !any();
  ++young_;
  if (!is_first) return;
  ticked_ = clock_.now();
  if (watch_) watch_();
}

void ScriptHold::OnGone(net::TimePoint entered) {
  // Of those that entered in the turn of the tick nobody knows on which side they were.
  const bool is_old = young_ == 0 || (old_ > 0 && entered < ticked_);
  --(is_old ? old_ : young_);
  if (!any()) Forget();
}

bool ScriptHold::OnTick() {
  const bool is_long = old_ > 0;
  if (!is_long) Forget();
  ticked_ = clock_.now();
  old_ += std::exchange(young_, 0);
  return is_long;
}

void ScriptHold::OnAnswer(std::string_view reply) {
  constexpr std::string_view kBusy = "-BUSY ";
  // The script may have been answered meanwhile.
  if (!any() || !reply.starts_with(kBusy)) return Forget();
  const std::string_view words = reply.substr(1, reply.find('\r') - 1).substr(0, kMostWords);
  if (words == words_) return;
  Forget();
  words_ = words;
  notice_.PutUp(words);
}

void ScriptHold::Forget() {
  if (words_.empty()) return;
  words_.clear();
  notice_.TakeDown();
}

}  // namespace ringproxy::backends
