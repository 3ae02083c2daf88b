// backends/health/node_registry.h – All nodes that the process knows, by the names of their pool and their own.
//
// Purpose: a node is its name: whoever asks for the same names gets the same record, whatever configuration they stand
// in, for as long as anybody holds it. A record that nobody else holds any more is kept for five minutes, so that its
// counters are scraped to their end and a node that was left out by mistake comes back as the one it was.
// Threads: the control loop's. Ownership: the process's. Memory: bounded by the nodes in use and kMostDeparted.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backends/health/node_record.h"

namespace ringproxy::backends {

class NodeRegistry {
 public:
  static constexpr net::Duration kKept = std::chrono::minutes(5);
  static constexpr size_t kMostDeparted = 1000;

  // Each record has statistics for so many workers.
  explicit NodeRegistry(uint32_t workers) : workers_(workers) {}

  // The record of those names; a new one if there is none.
  std::shared_ptr<NodeRecord> Get(const std::string& pool, const std::string& name);

  // Samples the nodes' loads, and forgets those that have been gone for long; about once a LoadHistory::kStep.
  void Tick(net::TimePoint now);

  // All of them by name, also those that nobody else holds any more.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& [names, entry] : entries_) visit(std::as_const(*entry.record));
  }
  size_t size() const { return entries_.size(); }
  uint32_t workers() const { return workers_; }

 private:
  struct KnownNode {
    std::shared_ptr<NodeRecord> record;
    std::optional<net::TimePoint> departed{};  // When it was found that nobody else holds it.
  };
  using Entries = std::map<std::pair<std::string, std::string>, KnownNode>;

  void ForgetOldest(size_t count);

  uint32_t workers_;
  Entries entries_;
};

}  // namespace ringproxy::backends
