# SCAN leaves out a node that is down and says nothing of it.
set(source proxy/route/fleet_scan.cc)
set(lines [=[
    if (!Skips(*place, admission, origin)) return pool.Refuse(place->node, admission, ticket);
]=])
set(instead [=[
    if (sim::IsPlanted(sim::PlantedFault::kScanSkipsNode)) continue;
    if (!Skips(*place, admission, origin)) return pool.Refuse(place->node, admission, ticket);
]=])
