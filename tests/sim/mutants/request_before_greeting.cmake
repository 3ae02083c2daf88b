# What waits for a flavour's link leaves right behind the greeting, before the node has said that it takes the flavour.
set(source backends/link/node_link.cc)
set(lines [=[
  if (stream_.Say(greeting).status == net::IoStatus::kError) Break("handshake could not be sent");
]=])
set(instead [=[
  if (stream_.Say(greeting).status == net::IoStatus::kError) return Break("handshake could not be sent");
  if (sim::IsPlanted(sim::PlantedFault::kRequestBeforeGreeting) && !flavour_.is_plain() && stream_.has_said_all())
    stream_.Flush(batch_);
]=])
