# Of two replies that wait for their turn each comes in the other's place, now and then.
set(source proxy/session/reply_queue.cc)
set(lines [=[
    backends::Reply reply(std::move(slots_.front().aside));
]=])
set(instead [=[
    const bool mistakes = sim::IsPlanted(sim::PlantedFault::kWrongSlot) && first_ % 16 == 0;
    if (mistakes && slots_.size() > 1 && slots_[1].ready) std::swap(slots_[0].aside, slots_[1].aside);
    backends::Reply reply(std::move(slots_.front().aside));
]=])
