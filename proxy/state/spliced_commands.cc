#include "proxy/state/spliced_commands.h"

#include <cassert>
#include <deque>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {

void SplicedCommands::Add(uint32_t position, const wire::CommandSpec& spec, const wire::Request& request) {
  commands_.push_back({position, &spec, std::string(request.encoded()), {}});
  SplicedCommand& command = commands_.back();
  for (size_t i = 0; i < request.size(); ++i) command.arguments.push_back(request.argument(i));
  asks_ |= command.asks();
  held_bytes_ +=
      sizeof(SplicedCommand) + command.encoded.size() + command.arguments.size() * sizeof(wire::ArgumentSpan);
}

net::Block SplicedCommands::Merge(std::string_view executed, net::BlockPool& pool, const Answer& answer,
                                  const Select& select) const {
  wire::ArrayReader reader(executed);
  assert(reader.is_array());
  const size_t total = reader.remaining() + commands_.size();
  // Nothing of it moves while it grows.
  std::deque<std::string> own(1);
  wire::AppendArrayHeader(total, &own.front());
  std::vector<std::string_view> pieces{own.front()};
  size_t size = own.front().size();
  auto command = commands_.begin();
  auto selected = selects_.begin();
  for (uint32_t position = 0; position < total; ++position) {
    if (command != commands_.end() && command->position == position) {
      answer(*command, &own.emplace_back());
      pieces.push_back(own.back());
      ++command;
    } else {
      pieces.push_back(reader.Next());
    }
    if (selected != selects_.end() && selected->position == position) {
      if (pieces.back() == "+OK\r\n") select(selected->database);
      ++selected;
    }
    size += pieces.back().size();
  }
  net::Block merged = pool.Acquire(size);
  for (const std::string_view piece : pieces) merged.Append(piece);
  return merged;
}

}  // namespace ringproxy::proxy
