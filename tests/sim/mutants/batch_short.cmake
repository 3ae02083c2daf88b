# Of a transaction's replies one fewer is waited for than come, so that the last one is given to the next request.
set(source backends/link/node_connection.cc)
set(lines [=[
    entry->replies_to_come = count;
]=])
set(instead [=[
    entry->replies_to_come = count - (sim::IsPlanted(sim::PlantedFault::kBatchShort) ? 1 : 0);
]=])
