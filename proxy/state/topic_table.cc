#include "proxy/state/topic_table.h"

#include <cassert>

namespace ringproxy::proxy {
namespace {

// Beside its name.
constexpr size_t kTopicBytes = sizeof(Topic) + 128;

}  // namespace

Topic& TopicTable::Get(TopicKind kind, std::string_view name) {
  if (Topic* topic = Find(kind, name)) return *topic;
  auto topic = std::make_unique<Topic>(Topic{.kind = kind, .group = group_, .name = std::string(name)});
  Topic& made = *topic;
  topics_[static_cast<size_t>(kind)].emplace(made.name, std::move(topic));
  held_bytes_ += kTopicBytes + made.name.size();
  return made;
}

void TopicTable::EraseIfUnused(Topic& topic) {
  if (topic.is_wanted() || topic.unsettled > 0) return;
  assert(topic.waiters.empty());
  held_bytes_ -= kTopicBytes + topic.name.size();
  topics_[static_cast<size_t>(topic.kind)].erase(topic.name);
}

size_t TopicTable::size() const {
  size_t size = 0;
  for (const Topics& topics : topics_) size += topics.size();
  return size;
}

}  // namespace ringproxy::proxy
