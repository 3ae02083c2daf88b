#include "backends/net/name_table.h"

#include <netdb.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "backends/net/connect_error.h"

namespace ringproxy::net {
namespace {

// The name is known to have no address, whoever is asked.
bool IsAnswer(int error) {
  return error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
}

bool HasAddresses(const std::shared_ptr<const ResolvedName>& answer) {
  return answer != nullptr && !answer->addresses.empty();
}

}  // namespace

std::shared_ptr<const ResolvedName> NameTable::Ask(const std::string& host, TimePoint now) {
  const bool is_known = names_.contains(host);
  if (!is_known && names_.size() >= terms_.names && !MakeRoom()) {
    ResolvedName no_room;
    no_room.error = ENOBUFS;
    return std::make_shared<const ResolvedName>(std::move(no_room));
  }
  NameEntry& entry = names_[host];
  if (!is_known) entry.host = host;
  if (entry.answer != nullptr && now < entry.fresh_until) return entry.answer;
  if (entry.stage != NameStage::kIdle) return nullptr;
  entry.stage = NameStage::kWaiting;
  entry.asked = now;
  waiting_[entry.name_class].push_back(&entry);
  if (!HasAddresses(entry.answer) && !std::exchange(entry.has_second, true)) seconds_.push_back(&entry);
  return nullptr;
}

std::shared_ptr<const ResolvedName> NameTable::Last(const std::string& host) const {
  const auto known = names_.find(host);
  return known == names_.end() ? nullptr : known->second.answer;
}

void NameTable::Note(const std::string& host, const SocketAddress& address, bool answers) {
  const auto known = names_.find(host);
  if (known == names_.end()) return;
  NameEntry& entry = known->second;
  std::erase(entry.mute, address);
  if (answers || !HasAddresses(entry.answer)) return;
  entry.mute.push_back(address);
  ResolvedName answer = *entry.answer;
  Arrange(entry, answer.addresses);
  entry.answer = std::make_shared<const ResolvedName>(std::move(answer));
}

void NameTable::Arrange(NameEntry& entry, std::vector<SocketAddress>& addresses) {
  if (entry.mute.empty()) return;
  std::erase_if(entry.mute, [&](const SocketAddress& each) { return std::ranges::count(addresses, each) == 0; });
  if (addresses.size() < 2) return entry.mute.clear();
  // Where all are mute, those that have been so for longer are tried again before the last.
  if (entry.mute.size() == addresses.size()) entry.mute.erase(entry.mute.begin(), entry.mute.end() - 1);
  for (const SocketAddress& each : entry.mute) {
    const auto place = std::ranges::find(addresses, each);
    std::rotate(place, place + 1, addresses.end());
  }
}

// Names leave with a configuration, and nobody says so.
bool NameTable::MakeRoom() {
  auto oldest = names_.end();
  for (auto each = names_.begin(); each != names_.end(); ++each) {
    const NameEntry& entry = each->second;
    if (entry.stage != NameStage::kIdle || entry.has_second) continue;
    if (oldest == names_.end() || entry.asked < oldest->second.asked) oldest = each;
  }
  if (oldest == names_.end()) return false;
  names_.erase(oldest);
  return true;
}

bool NameTable::Hangs(const UnderWay& lookup, TimePoint now) const {
  return lookup.entry->name_class == kHangs || now - lookup.since >= terms_.patience;
}

size_t NameTable::Count(bool hanging, TimePoint now) const {
  return static_cast<size_t>(std::ranges::count_if(
      under_way_, [&](const UnderWay& lookup) { return lookup.family == AF_UNSPEC && Hangs(lookup, now) == hanging; }));
}

bool NameTable::MayBegin(NameClass name_class, TimePoint now) const {
  if (waiting_[name_class].empty()) return false;
  if (name_class != kAnswers && Count(true, now) >= terms_.hanging) return false;
  return name_class == kHangs || Count(false, now) < terms_.quick;
}

NameTable::NameEntry* NameTable::NextSecond(TimePoint now) {
  if (seconds_.empty() || now - seconds_.front()->asked < terms_.patience) return nullptr;
  const auto seconds = std::ranges::count_if(under_way_, [](const UnderWay& l) { return l.family != AF_UNSPEC; });
  if (static_cast<size_t>(seconds) >= terms_.quick) return nullptr;
  NameEntry* entry = seconds_.front();
  seconds_.pop_front();
  return entry;
}

NameLookup NameTable::Start(NameEntry& entry, int family, TimePoint now) {
  under_way_.push_back({&entry, family, now});
  return {entry.host, family};
}

std::optional<NameLookup> NameTable::Begin(TimePoint now) {
  if (under_way_.size() >= terms_.most) return std::nullopt;
  for (const NameClass name_class : {kAnswers, kUnknown, kHangs}) {
    if (!MayBegin(name_class, now)) continue;
    NameEntry& entry = *waiting_[name_class].front();
    waiting_[name_class].pop_front();
    entry.stage = NameStage::kUnderWay;
    return Start(entry, AF_UNSPEC, now);
  }
  if (NameEntry* entry = NextSecond(now)) return Start(*entry, AF_INET, now);
  return std::nullopt;
}

std::optional<TimePoint> NameTable::NextDue(TimePoint now) const {
  std::optional<TimePoint> due;
  // What is overdue waits for something to be finished.
  const auto add = [&](TimePoint when) {
    if (when > now) due = std::min(due.value_or(when), when);
  };
  if (!seconds_.empty()) add(seconds_.front()->asked + terms_.patience);
  const bool any_waits = std::ranges::any_of(waiting_, [](const auto& queue) { return !queue.empty(); });
  for (const UnderWay& lookup : under_way_) {
    if (any_waits && lookup.family == AF_UNSPEC) add(lookup.since + terms_.patience);
  }
  return due;
}

std::shared_ptr<const ResolvedName> NameTable::Finish(const NameLookup& lookup, FoundAddresses found, TimePoint now,
                                                      WallTime wall) {
  const auto done = std::ranges::find_if(under_way_, [&](const UnderWay& each) {
    return each.entry->host == lookup.host && each.family == lookup.family;
  });
  assert(done != under_way_.end());
  NameEntry& entry = *done->entry;
  const bool hung = now - done->since >= terms_.patience;
  under_way_.erase(done);
  if (found.error == 0 && found.addresses.empty()) found.error = EAI_NODATA;
  const bool is_second = lookup.family != AF_UNSPEC;
  if (is_second) {
    entry.has_second = false;
    // The first is still to come, or has come before.
    if (found.error != 0 || entry.stage == NameStage::kIdle) return nullptr;
  } else {
    entry.stage = NameStage::kIdle;
    if (std::erase(seconds_, &entry) > 0) entry.has_second = false;
    entry.name_class = hung ? kHangs : found.error == 0 ? kAnswers : kUnknown;
  }
  ResolvedName answer{std::move(found.addresses), wall, found.error, wall};
  if (answer.error != 0 && !IsAnswer(answer.error) && HasAddresses(entry.answer)) {
    answer.addresses = entry.answer->addresses;
    answer.found_at = entry.answer->found_at;
  }
  Arrange(entry, answer.addresses);
  entry.answer = std::make_shared<const ResolvedName>(std::move(answer));
  // What this process lacked it may have the next moment.
  entry.fresh_until = IsShortage(entry.answer->error) ? now : now + terms_.fresh;
  return entry.answer;
}

}  // namespace ringproxy::net
