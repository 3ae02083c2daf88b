# A transaction that was sent and got no reply is called discarded, though it may have been executed.
set(source proxy/state/executions.cc)
set(lines [=[
  if (failure.may_have_run) return sink_.OnFailure(ticket, unknown);
]=])
set(instead [=[
  if (failure.may_have_run && !sim::IsPlanted(sim::PlantedFault::kOutcomeDenied))
    return sink_.OnFailure(ticket, unknown);
]=])
