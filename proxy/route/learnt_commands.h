// proxy/route/learnt_commands.h – Commands that a listener's nodes have told of, as rows of its own beside the table.
//
// Purpose: with `learn: true` of its pools a listener serves what all of their nodes say in the same words of a command
// that neither ringproxy nor the configuration knows. Only a name that the table does not have is looked for here, so
// no row of the table is ever replaced.
// Threads: a LearntCommands never changes once made and is shared with a snapshot; LearntRows is the control loop's.
// Lifetime: rows live as long as the LearntRows that made them, which outlives all workers: what is under way keeps
// them. Bounds: kMostRows different rows in the life of a process, an equal share for each pool.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/wire/command.h"
#include "backends/wire/learnt_row.h"
#include "conf/config.h"

namespace ringproxy::proxy {

class LearntCommands {
 public:
  using Rows = std::vector<const wire::CommandSpec*>;
  // Requires: they are sorted by their names, none of which is there twice.
  explicit LearntCommands(Rows rows) : rows_(std::move(rows)) {}

  // In any case; nullptr: there is none.
  const wire::CommandSpec* Find(std::string_view name) const;
  std::span<const wire::CommandSpec* const> rows() const { return rows_; }

 private:
  Rows rows_;
};

class LearntRows {
 public:
  static constexpr size_t kMostRows = 4096;

  // `pools`: how many may tell of commands.
  explicit LearntRows(size_t pools) : share_(kMostRows / std::max<size_t>(pools, 1)) {}

  // The one row that says this; nullptr: the pool has had its share. Requires: RowsOfClasses are in the table.
  const wire::CommandSpec* Keep(const wire::LearntRow& told, uint32_t pool);
  size_t size() const { return kept_.size(); }
  size_t share() const { return share_; }

 private:
  struct KeptRow {
    wire::LearntRow told;
    wire::CommandSpec spec;  // Its views are into `told`.
  };

  const size_t share_;  // Of each pool: a node that tells of others each time uses up its own pool's alone.
  std::deque<KeptRow> kept_;
  std::unordered_multimap<std::string_view, KeptRow*> by_name_;
  std::unordered_map<uint32_t, size_t> by_pool_;
};

// What all of these say alike. Requires: each is sorted by name.
std::vector<wire::LearntRow> AgreedRows(std::span<const std::vector<wire::LearntRow>* const> told);

// How many pools the configuration lets learn; and whether all of the listener's do.
size_t LearningPools(const conf::Config& config);
bool Learns(const conf::Config& config, std::span<const uint32_t> pools);

// Rows of the table that stand for all that is learnt, for counters and limits: learnt.read and learnt.write. Nobody
// can ask for them.
std::vector<wire::CommandSpec> RowsOfClasses();
constexpr bool IsRowOfClass(const wire::CommandSpec& spec) {
  return spec.arity == 0;
}

}  // namespace ringproxy::proxy
