# What was subscribed over a link that was lost is not subscribed again over the next.
set(source proxy/state/subscribed_node.cc)
set(lines [=[
  parts_.topics.ForEachWanted([&](Topic& topic) {
    Send(topic, true);
]=])
set(instead [=[
  parts_.topics.ForEachWanted([&](Topic& topic) {
    if (sim::IsPlanted(sim::PlantedFault::kSubscriptionNotRenewed) && has_missed_) return;
    Send(topic, true);
]=])
