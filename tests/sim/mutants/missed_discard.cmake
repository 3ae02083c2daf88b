# The late reply of a request that has timed out is not discarded: the next request gets it.
set(source backends/link/reply_pipeline.cc)
set(lines [=[
  const InFlight entry = PopFront();
  if (reply.size() >= kLargeBytes) flowed_at_ = clock_.now();
]=])
set(instead [=[
  InFlight entry = PopFront();
  const bool forgets = sim::IsPlanted(sim::PlantedFault::kMissedDiscard);
  if (forgets && entry.timed_out && size() > 0) entry = PopFront();
  if (reply.size() >= kLargeBytes) flowed_at_ = clock_.now();
]=])
