# A read that waits to be asked again is forgotten when another snapshot comes into force meanwhile.
set(source proxy/route/retrier.cc)
set(lines [=[
  entry.waiting = false;
  const Target& target = entry.target;
]=])
set(instead [=[
  entry.waiting = false;
  if (sim::IsPlanted(sim::PlantedFault::kRetriedReadDropped) && !entry.held->is_in_force()) {
    entry.answered = true;
    return ReleaseIfDone(owner);
  }
  const Target& target = entry.target;
]=])
