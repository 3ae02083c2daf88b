# A client that leaves is forgotten, and its wait at the node goes on.
set(source proxy/state/waits.cc)
set(lines [=[
  Detach(place, watches);
  const auto& owned = entries_[place].owned;
]=])
set(instead [=[
  Detach(place, watches);
  if (sim::IsPlanted(sim::PlantedFault::kWaitNotEnded)) return void(by_client_.erase(found));
  const auto& owned = entries_[place].owned;
]=])
