#include "proxy/guard/lease_table.h"

#include <algorithm>

namespace ringproxy::proxy {
namespace {

// Looked at in a search: it finds one at once unless nearly all are in use.
constexpr size_t kLooks = 32;
constexpr uint64_t kShared = 0;

}  // namespace

size_t LeaseTable::FindIdle(net::TimePoint now) {
  for (size_t i = 0; i < std::min(kLooks, entries_.size()); ++i) {
    hand_ = hand_ + 1 < entries_.size() ? hand_ + 1 : 0;
    // In place of the shared one there would soon have to be another, and the table would grow with each.
    if (entries_[hand_].bucket != kShared && entries_[hand_].lease.idle(now)) return hand_;
  }
  return entries_.size();
}

void LeaseTable::Adopt(const LimitRule& rule) {
  terms_ = rule.terms;
  for (KeptLease& entry : entries_) {
    const auto own = rule.overrides.find(entry.bucket);
    entry.terms = own != rule.overrides.end() ? own->second : rule.terms;
  }
}

LeaseTable::KeptLease& LeaseTable::Add(uint64_t bucket, const LimitTerms& terms, net::TimePoint now,
                                       const std::function<std::string()>& name) {
  // Before it grows, so that it holds no more than what was in use at one time.
  size_t place = FindIdle(now);
  if (place == entries_.size() && entries_.size() >= most_ && bucket != kShared) {
    return Get(kShared, terms_, now, [] { return std::string("(others)"); });
  }
  if (place == entries_.size()) {
    entries_.emplace_back();
  } else {
    places_.erase(entries_[place].bucket);
  }
  KeptLease& entry = entries_[place];
  entry = {bucket, terms, name()};
  places_[bucket] = static_cast<uint32_t>(place);
  return entry;
}

}  // namespace ringproxy::proxy
