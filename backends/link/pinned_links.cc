#include "backends/link/pinned_links.h"

#include <algorithm>
#include <cassert>

namespace ringproxy::backends {

PinnedLease::~PinnedLease() {
  if (has_link()) links_.Close(links_.End(*this));
}

void PinnedLease::SendBeside(std::string_view request, Ticket ticket) {
  links_.control_.Send(request, ticket);
}

void PinnedLease::Break() {
  if (!has_link()) return;
  NodeConnection& connection = *connection_;
  connection.Drain(NodeConnection::Ending::kAtOnce);
  connection.Reopen();
}

const NodeSettings& PinnedLease::settings() const {
  return links_.parts_.settings;
}

NodeStats& PinnedLease::stats() const {
  return links_.parts_.stats;
}

void PinnedLease::LeaveLane() {
  if (has_link() && lane_) links_.by_lane_.erase(*lane_);
  lane_.reset();
}

void PinnedLease::Return(std::unique_ptr<PinnedLease> lease) {
  // One that is not open yet would be opened for nobody.
  if (!lease->has_link() || lease->is_altered_ || lease->is_waiting()) return;
  PinnedLinks::PinnedEntry& entry = lease->links_.End(*lease);
  entry.is_idle = true;
  entry.idle_seconds = 0;
  entry.idle_losses = entry.connection->losses();
}

void PinnedLease::Abandon(std::unique_ptr<PinnedLease> lease) {
  if (lease->has_link()) lease->links_.End(*lease).connection->Drain(NodeConnection::Ending::kAtOnce);
}

void PinnedLease::Forget(std::unique_ptr<PinnedLease> lease) {
  if (lease && lease->has_link()) lease->links_.End(*lease);
}

SubscriptionLease::~SubscriptionLease() {
  link_.Leave();
  links_.unleased_.push_back(&link_);
  links_.Count(-1);
}

PinnedLinks::~PinnedLinks() {
  turns_.GiveUp();
  for (const auto& entry : entries_) {
    if (entry->lease != nullptr) End(*entry->lease);
  }
}

std::unique_ptr<PinnedLease> PinnedLinks::Lease(Flavour flavour, std::optional<uint32_t> lane) {
  assert(!lane || Find(*lane) == nullptr);
  // Never the plain one: like the links of other flavours it is opened because somebody waits for it.
  flavour.is_pinned = true;
  if (!takes_ || leased_ >= parts_.settings.pinned_per_node) return nullptr;
  PinnedEntry* const entry = FindFree(flavour);
  entry->is_idle = false;
  Count(1);
  MakeRoom();
  auto lease = std::unique_ptr<PinnedLease>(new PinnedLease(*this, *entry->connection, lane));
  entry->lease = lease.get();
  if (lane) by_lane_[*lane] = entry->connection.get();
  if (IsClosed(*entry)) {
    entry->flavour = flavour;
    entry->connection->Become(flavour);
    entry->connection->Connect();
  }
  return lease;
}

std::unique_ptr<SubscriptionLease> PinnedLinks::LeaseSubscription() {
  if (leased_ >= parts_.settings.pinned_per_node) return nullptr;
  if (unleased_.empty()) {
    subscriptions_.push_back(std::make_unique<SubscriptionLink>(parts_, guard_, SubscriptionLink::Use::kOwn));
    if (!takes_) subscriptions_.back()->Drain();
    unleased_.push_back(subscriptions_.back().get());
  }
  SubscriptionLink& link = *unleased_.back();
  unleased_.pop_back();
  Count(1);
  MakeRoom();
  return std::unique_ptr<SubscriptionLease>(new SubscriptionLease(*this, link));
}

void PinnedLinks::Count(int change) {
  leased_ += change;
  change > 0 ? parts_.stats.pinned_links.Add() : parts_.stats.pinned_links.Subtract(1);
}

void PinnedLinks::MakeRoom() {
  const auto idle = std::ranges::count_if(entries_, [](const auto& entry) { return entry->is_idle; });
  if (leased_ + static_cast<size_t>(idle) <= parts_.settings.pinned_per_node) return;
  const auto found = std::ranges::find_if(entries_, [](const auto& entry) { return entry->is_idle; });
  if (found != entries_.end()) Close(**found);
}

// One that is open and clean, else one that is closed, else a new one.
PinnedLinks::PinnedEntry* PinnedLinks::FindFree(Flavour flavour) {
  PinnedEntry* closed = nullptr;
  PinnedEntry* other = nullptr;
  for (const auto& entry : entries_) {
    if (entry->lease != nullptr) continue;
    if (entry->is_idle && entry->flavour == flavour && entry->connection->accepts()) return entry.get();
    if (entry->is_idle) other = entry.get();
    if (IsClosed(*entry)) closed = entry.get();
  }
  // Of another flavour, or it cannot be had at the moment: there shall be no more links than there may be leases.
  if (closed == nullptr && other != nullptr) {
    Close(*other);
    if (IsClosed(*other)) closed = other;
  }
  if (closed != nullptr) return closed;
  entries_.push_back(std::make_unique<PinnedEntry>());
  entries_.back()->connection = std::make_unique<NodeConnection>(parts_, guard_, sink_, Flavour{}, &turns_);
  return entries_.back().get();
}

PinnedLinks::PinnedEntry& PinnedLinks::EntryOf(const PinnedLease& lease) {
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return entry->lease == &lease; });
  assert(found != entries_.end());
  return **found;
}

PinnedLinks::PinnedEntry& PinnedLinks::End(PinnedLease& lease) {
  PinnedEntry& entry = EntryOf(lease);
  lease.LeaveLane();
  lease.connection_ = nullptr;
  entry.lease = nullptr;
  Count(-1);
  return entry;
}

void PinnedLinks::Close(PinnedEntry& entry) {
  entry.is_idle = false;
  entry.connection->Drain();
}

void PinnedLinks::Drain() {
  takes_ = false;
  // None connects because another one has closed.
  turns_.GiveUp();
  for (const auto& entry : entries_) {
    if (entry->lease != nullptr) End(*entry->lease);
    Close(*entry);
  }
  for (const auto& link : subscriptions_) link->Drain();
}

void PinnedLinks::Reopen() {
  takes_ = true;
  for (const auto& link : subscriptions_) link->Reopen();
}

void PinnedLinks::LeaveSubscriptions() {
  for (const auto& link : subscriptions_) link->Leave();
}

void PinnedLinks::Hurry() {
  turns_.OnNodeWell();
  for (const auto& link : subscriptions_) link->Hurry();
  for (const auto& entry : entries_) entry->connection->Hurry();
}

void PinnedLinks::Tick() {
  for (const auto& entry : entries_) {
    if (!entry->is_idle) continue;
    // One that has come back while nobody needs it would be found dead by its next user only.
    const bool is_another = entry->connection->losses() != entry->idle_losses;
    if (is_another || ++entry->idle_seconds >= kKept.count()) Close(*entry);
  }
}

bool PinnedLinks::is_closed() const {
  return std::ranges::all_of(entries_, [](const auto& entry) { return IsClosed(*entry); }) &&
         std::ranges::all_of(subscriptions_, [](const auto& link) { return link->is_closed(); });
}

size_t PinnedLinks::in_flight() const {
  size_t sum = 0;
  for (const auto& entry : entries_) sum += entry->connection->in_flight();
  return sum;
}

}  // namespace ringproxy::backends
