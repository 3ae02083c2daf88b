#include "tests/sim/own_keys.h"

#include <algorithm>

namespace ringproxy::sim {

OwnKeys::OwnKeys(SimLoop& loop, uint32_t client, Consistency consistency) : loop_(loop), consistency_(consistency) {
  constexpr int kNames = 12;
  for (int i = 0; i < kNames; ++i) {
    names_.push_back("own:" + std::to_string(client) + ":" + std::to_string(i));
    held_[names_.back()] = std::nullopt;
  }
}

void OwnKeys::Holds(const std::string& key, const std::string& value) {
  const auto found = held_.find(key);
  if (found == held_.end()) return;
  found->second = value;
  ever_held_[key].insert(value);
}

void OwnKeys::Gone(const std::string& key) {
  const auto found = held_.find(key);
  if (found != held_.end()) found->second.reset();
}

void OwnKeys::Unknown(const std::string& key) {
  if (held_.erase(key) == 0) return;
  // Another name takes its place, since an old connection might still carry the write out.
  const std::string fresh = key + "'";
  std::ranges::replace(names_, key, fresh);
  held_[fresh] = std::nullopt;
}

bool OwnKeys::MayHold(const std::string& key, std::optional<std::string_view> value) const {
  const auto found = held_.find(key);
  if (found == held_.end() || found->second == value) return true;
  if (consistency_ == Consistency::kStrict) return false;
  if (consistency_ == Consistency::kReordered) return true;
  const auto ever = ever_held_.find(key);
  return !value || (ever != ever_held_.end() && ever->second.contains(std::string(*value)));
}

bool OwnKeys::MayExist(const std::string& key) const {
  const auto found = held_.find(key);
  if (found == held_.end() || found->second || consistency_ == Consistency::kReordered) return true;
  return consistency_ == Consistency::kStale && ever_held_.contains(key);
}

}  // namespace ringproxy::sim
