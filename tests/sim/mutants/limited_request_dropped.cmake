# A request that a limit lets wait is forgotten when another snapshot comes into force meanwhile.
set(source proxy/guard/waiting_room.cc)
set(lines [=[
  if (waiting.is_held) return End(index, admission_.TakePlaces(&waiting.attempt));
]=])
set(instead [=[
  if (sim::IsPlanted(sim::PlantedFault::kLimitedRequestDropped) && !waiting.held->is_in_force()) {
    StatsOf(*waiting.rule).waiting.Subtract(1);
    waiting.held.End();
    return waiting_.Release(index);
  }
  if (waiting.is_held) return End(index, admission_.TakePlaces(&waiting.attempt));
]=])
