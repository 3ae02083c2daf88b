#include "proxy/route/learnt_commands.h"

#include <algorithm>
#include <cassert>

#include "backends/wire/ascii.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kLearntReads = "learnt.read";
constexpr std::string_view kLearntWrites = "learnt.write";

wire::CommandSpec SpecOf(const wire::LearntRow& told) {
  wire::CommandSpec row = {.name = told.name, .arity = told.arity, .access = told.access};
  row.keys = told.keys;
  row.handling = told.handling;
  row.merge = told.merge;
  row.flags = told.flags;
  row.why = told.why;
  row.is_learnt = true;
  const bool is_read = told.access == wire::Access::kRead;
  if (is_read && told.handling != wire::Handling::kRefused && !told.is_script) row.retry = wire::Retry::kSafe;
  row.usual = told.is_script ? wire::Work::kScript : wire::Work::kForeign;
  if (told.is_script) row.weight = wire::Weight::kHeavy;
  const wire::CommandSpec* place = wire::FindRedisCommand(is_read ? kLearntReads : kLearntWrites);
  assert(place != nullptr);
  row.index = place->index;
  return row;
}

}  // namespace

const wire::CommandSpec* LearntCommands::Find(std::string_view name) const {
  if (rows_.empty() || name.size() > wire::LearntRow::kMostName) return nullptr;
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), wire::ToLower);
  const auto found = std::ranges::lower_bound(rows_, lower, {}, &wire::CommandSpec::name);
  return found != rows_.end() && (*found)->name == lower ? *found : nullptr;
}

const wire::CommandSpec* LearntRows::Keep(const wire::LearntRow& told, uint32_t pool) {
  const auto [first, last] = by_name_.equal_range(told.name);
  for (auto known = first; known != last; ++known) {
    if (known->second->told == told) return &known->second->spec;
  }
  size_t& told_by_pool = by_pool_[pool];
  if (told_by_pool == share_) return nullptr;
  ++told_by_pool;
  KeptRow& row =
      kept_.emplace_back(KeptRow{.told = told, .spec = {.name = {}, .arity = 0, .access = wire::Access::kOther}});
  row.spec = SpecOf(row.told);
  by_name_.emplace(row.told.name, &row);
  return &row.spec;
}

std::vector<wire::LearntRow> AgreedRows(std::span<const std::vector<wire::LearntRow>* const> told) {
  std::vector<wire::LearntRow> agreed;
  if (told.empty()) return agreed;
  const auto says = [](const std::vector<wire::LearntRow>& rows, const wire::LearntRow& row) {
    const auto found = std::ranges::lower_bound(rows, row.name, {}, &wire::LearntRow::name);
    return found != rows.end() && *found == row;
  };
  for (const wire::LearntRow& row : *told.front()) {
    if (std::ranges::all_of(told.subspan(1), [&](const auto* others) { return says(*others, row); }))
      agreed.push_back(row);
  }
  return agreed;
}

size_t LearningPools(const conf::Config& config) {
  return static_cast<size_t>(std::ranges::count_if(config.pools, &conf::Pool::learn));
}

bool Learns(const conf::Config& config, std::span<const uint32_t> pools) {
  return !pools.empty() && std::ranges::all_of(pools, [&](uint32_t pool) { return config.pools[pool].learn; });
}

std::vector<wire::CommandSpec> RowsOfClasses() {
  // No release has them, so no client hears of them, and no request has so few words.
  wire::CommandSpec reads = {.name = kLearntReads, .arity = 0, .access = wire::Access::kRead};
  wire::CommandSpec writes = {.name = kLearntWrites, .arity = 0, .access = wire::Access::kWrite};
  reads.flags = "readonly";
  writes.flags = "write";
  reads.since = writes.since = {wire::kNoRelease, wire::kNoRelease};
  return {reads, writes};
}

}  // namespace ringproxy::proxy
