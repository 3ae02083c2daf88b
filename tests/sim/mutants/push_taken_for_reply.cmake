# A push is handed on as the reply to the oldest request.
set(source backends/link/framed_stream.cc)
set(lines [=[
    TakePush(input_.bytes().substr(0, framer_->size()));
]=])
set(instead [=[
    if (sim::IsPlanted(sim::PlantedFault::kPushTaken)) return FrameStatus::kReply;
    TakePush(input_.bytes().substr(0, framer_->size()));
]=])
