#include "proxy/state/one_place.h"

namespace ringproxy::proxy {

std::optional<NodeId> OnePlace::Find(const wire::CommandSpec& spec, const wire::Request& request,
                                     const Snapshot& snapshot, uint32_t listener, const std::optional<KnownKey>& known,
                                     wire::Failure* failure) {
  const ListenerSnapshot& routing = snapshot.listeners[listener];
  const uint64_t most_bytes = snapshot.config.listeners[listener].limits.key_bytes;
  std::optional<KnownKey> first = known;
  if (wire::FindKeys(spec, request, &keys_) != wire::KeyResult::kOk) keys_.clear();
  for (const uint32_t position : keys_) {
    const std::string_view key = request[position];
    if (key.size() > most_bytes) {
      *failure = {.code = wire::ErrorCode::kKeyTooLong};
      return std::nullopt;
    }
    const NodeId place = RouteKey(snapshot, routing, key);
    if (!first) first = {place, key};
    if (first->node == place) continue;
    names_[0] = NameBeside(snapshot, first->node, place);
    names_[1] = NameBeside(snapshot, place, first->node);
    *failure = {.code = wire::ErrorCode::kCrossSlot,
                .node = names_[0],
                .key = first->key,
                .other_key = key,
                .other_node = names_[1]};
    return std::nullopt;
  }
  return first ? first->node : RouteKey(snapshot, routing, {});
}

}  // namespace ringproxy::proxy
