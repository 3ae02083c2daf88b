# A client that leaves is forgotten, and its wait at the node goes on.
set(source proxy/state/waits.cc)
set(lines [=[
  WaitEntry entry = Take(found->second);
  if (entry.owned) return PinnedLease::Abandon(std::move(entry.owned));
]=])
set(instead [=[
  if (sim::IsPlanted(sim::PlantedFault::kWaitNotEnded)) return void(by_client_.erase(found));
  WaitEntry entry = Take(found->second);
  if (entry.owned) return PinnedLease::Abandon(std::move(entry.owned));
]=])
