# A transaction leaves as one of its own for each command, so that what others do can come between.
set(source proxy/state/executions.cc)
set(lines [=[
  if (!MayStart(*to, origin, ticket)) return;
  Send(transaction.TakeWhole(*to, origin.lane.flavour.database, io_.blocks), origin, ticket);
]=])
set(instead [=[
  if (!MayStart(*to, origin, ticket)) return;
  if (sim::IsPlanted(sim::PlantedFault::kExecSplit)) {
    std::vector<uint32_t> part_of_command;
    for (uint32_t i = 0; i < transaction.count(); ++i) part_of_command.push_back(i);
    const uint32_t owner = split_.Open(ticket, part_of_command, part_of_command.size());
    uint32_t number = 0;
    return transaction.ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
      TransactionPart part{.node = *to, .commands = 1, .work = wire::AskedOf(spec, request).work, .requests = {}};
      part.requests = io_.blocks.Acquire(request.encoded().size() + 64);
      part.requests.Append("*1\r\n$5\r\nMULTI\r\n");
      part.requests.Append(request.encoded());
      part.requests.Append("*1\r\n$4\r\nEXEC\r\n");
      Send(std::move(part), origin, {owner, 0, number++, backends::Ticket::Kind::kExecutionPart});
    });
  }
  Send(transaction.TakeWhole(*to, origin.lane.flavour.database, io_.blocks), origin, ticket);
]=])
