# A reply that waited for its turn leaves twice, now and then.
set(source proxy/session/reply_queue.cc)
set(lines [=[
    reply.AppendTo(output);
]=])
set(instead [=[
    if (sim::IsPlanted(sim::PlantedFault::kReplyTwice) && first_ % 16 == 0) output.Append(reply.bytes());
    reply.AppendTo(output);
]=])
