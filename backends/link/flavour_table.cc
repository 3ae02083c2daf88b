#include "backends/link/flavour_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace ringproxy::backends {

LinkGroup* FlavourTable::FindOther(Flavour flavour) {
  assert(!flavour.is_plain());
  const auto same = std::ranges::find_if(entries_, [&](const auto& entry) { return entry->flavour == flavour; });
  if (same != entries_.end()) {
    last_ = same->get();
    return Use(*last_);
  }
  if (!takes_ || !MakeRoom()) return nullptr;
  FlavourEntry& entry = FreeEntry();
  entry.flavour = flavour;
  entry.idle_seconds = 0;
  last_ = &entry;
  Use(entry);
  // An attempt that fails at once finds the entry complete.
  entry.links->Open(flavour);
  return entry.links.get();
}

bool FlavourTable::MakeRoom() {
  // After a reload they may be more by several.
  while (size() >= parts_.settings.flavours_per_node) {
    FlavourEntry* oldest = nullptr;
    for (const auto& entry : entries_) {
      if (entry->flavour.is_plain() || entry->links->in_flight() > 0) continue;
      if (oldest == nullptr || entry->used < oldest->used) oldest = entry.get();
    }
    if (oldest == nullptr) return false;
    Close(*oldest);
  }
  return true;
}

void FlavourTable::Close(FlavourEntry& entry) {
  entry.flavour = {};
  entry.links->Drain();
}

FlavourTable::FlavourEntry& FlavourTable::FreeEntry() {
  const auto is_free = [](const auto& entry) { return entry->flavour.is_plain() && entry->links->is_closed(); };
  const auto free = std::ranges::find_if(entries_, is_free);
  if (free != entries_.end()) return **free;
  entries_.push_back(std::make_unique<FlavourEntry>());
  entries_.back()->links = std::make_unique<LinkGroup>(parts_, guard_, sink_, count_);
  return *entries_.back();
}

void FlavourTable::Drain() {
  takes_ = false;
  for (const auto& entry : entries_) entry->links->Drain();
}

void FlavourTable::Reopen() {
  takes_ = true;
  for (const auto& entry : entries_) {
    if (entry->flavour.is_plain()) continue;
    // One that still drains is opened anew behind its last reply. The others come back when they are needed.
    entry->links->is_closed() ? Close(*entry) : entry->links->Reopen();
  }
}

void FlavourTable::Hurry() {
  for (const auto& entry : entries_) entry->links->Hurry();
}

void FlavourTable::Tick() {
  for (const auto& entry : entries_) {
    entry->links->Tick();
    if (entry->flavour.is_plain()) continue;
    const bool is_used = std::exchange(entry->seen, entry->used) != entry->used || entry->links->in_flight() > 0;
    entry->idle_seconds = is_used ? 0 : entry->idle_seconds + 1;
    if (entry->idle_seconds >= kKept.count()) Close(*entry);
  }
}

NodeConnection* FlavourTable::AnyReady() const {
  for (const auto& entry : entries_) {
    if (NodeConnection* const ready = entry->links->AnyReady()) return ready;
  }
  return nullptr;
}

bool FlavourTable::is_closed() const {
  return std::ranges::all_of(entries_, [](const auto& entry) { return entry->links->is_closed(); });
}

size_t FlavourTable::in_flight() const {
  size_t sum = 0;
  for (const auto& entry : entries_) sum += entry->links->in_flight();
  return sum;
}

size_t FlavourTable::size() const {
  return static_cast<size_t>(
      std::ranges::count_if(entries_, [](const auto& entry) { return !entry->flavour.is_plain(); }));
}

}  // namespace ringproxy::backends
