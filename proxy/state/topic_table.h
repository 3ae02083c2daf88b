// proxy/state/topic_table.h – The channels and patterns of one pool that clients of one worker, or one client, listen
// to.
//
// Purpose: brings a message to whoever listens. A topic lives as long as anybody listens to it, or a node's answer
// about it is to come.
// Threads: its worker's. Pure: it owns no socket and reads no clock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/state/subscription_counts.h"

namespace ringproxy::proxy {

class TopicGroup;

struct Topic {
  TopicKind kind;
  TopicGroup& group;  // Whose topic it is.
  std::string name;
  std::vector<uint32_t> listeners = {};  // Sessions by their numbers.
  std::vector<uint64_t> waiters = {};    // Acknowledgements that wait for the nodes' answers; see Subscriptions.
  uint32_t unsettled = 0;                // Answers that nodes still have to give.
  uint32_t late = 0;                     // Of these, of nodes that had been silent for long when they were asked.

  bool is_wanted() const { return !listeners.empty(); }
};

class TopicTable {
 public:
  // `held_bytes`: of several tables, this one's included.
  TopicTable(TopicGroup& group, size_t& held_bytes) : group_(group), held_bytes_(held_bytes) {}

  // nullptr: there is none.
  Topic* Find(TopicKind kind, std::string_view name) {
    Topics& topics = topics_[static_cast<size_t>(kind)];
    const auto found = topics.find(name);
    return found != topics.end() ? found->second.get() : nullptr;
  }
  Topic& Get(TopicKind kind, std::string_view name);
  void EraseIfUnused(Topic& topic);

  template <typename Visit>
  void ForEachWanted(Visit&& visit) {
    for (Topics& topics : topics_) {
      for (auto& [name, topic] : topics) {
        if (topic->is_wanted()) visit(*topic);
      }
    }
  }
  size_t size() const;
  TopicGroup& group() const { return group_; }
  bool empty() const { return size() == 0; }

 private:
  using Topics = std::unordered_map<std::string_view, std::unique_ptr<Topic>>;  // The names are the topics' own.

  TopicGroup& group_;
  std::array<Topics, kTopicKinds> topics_;
  size_t& held_bytes_;  // What they take of the memory, about.
};

}  // namespace ringproxy::proxy
