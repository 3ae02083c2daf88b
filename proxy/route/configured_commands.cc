#include "proxy/route/configured_commands.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <utility>

#include "conf/quote.h"
#include "proxy/route/learnt_commands.h"

namespace ringproxy::proxy {
namespace {

wire::KeySpec KeysOf(const conf::CommandKeys& keys) {
  const auto step = static_cast<int8_t>(keys.step);
  if (keys.count_at > 0) {
    return {.kind = wire::KeyKind::kCounted, .first = static_cast<int8_t>(keys.count_at), .step = step};
  }
  if (keys.first == 0) return {};
  const auto first = static_cast<int8_t>(keys.first);
  const auto last = keys.last.value == 0 ? first : static_cast<int8_t>(keys.last.value);
  const wire::KeyKind kind = first == last ? wire::KeyKind::kOne : wire::KeyKind::kRange;
  return {.kind = kind, .first = first, .last = last, .step = step};
}

wire::Handling HandlingOf(conf::CommandHandling handling) {
  switch (handling) {
    case conf::CommandHandling::kForward: return wire::Handling::kForward;
    case conf::CommandHandling::kSplit: return wire::Handling::kSplit;
    case conf::CommandHandling::kAllNodes: return wire::Handling::kAllNodes;
    case conf::CommandHandling::kAnyNode: return wire::Handling::kAnyNode;
    case conf::CommandHandling::kRefuse: break;
  }
  return wire::Handling::kRefused;
}

wire::Merge MergeOf(conf::CommandMerge merge) {
  switch (merge) {
    case conf::CommandMerge::kNone: break;
    case conf::CommandMerge::kInKeyOrder: return wire::Merge::kInKeyOrder;
    case conf::CommandMerge::kSum: return wire::Merge::kSum;
    case conf::CommandMerge::kLeast: return wire::Merge::kLeast;
    case conf::CommandMerge::kAllOk: return wire::Merge::kAllOk;
    case conf::CommandMerge::kConcat: return wire::Merge::kConcat;
    case conf::CommandMerge::kFirst: return wire::Merge::kFirst;
    case conf::CommandMerge::kEveryElementAnd: return wire::Merge::kEveryElementAnd;
    case conf::CommandMerge::kAnyNonNil: return wire::Merge::kAnyNonNil;
  }
  return wire::Merge::kNone;
}

wire::CommandSpec RowOf(const conf::CustomCommand& command) {
  wire::CommandSpec row = {.name = command.name, .arity = command.arity.value, .access = wire::Access::kWrite};
  row.keys = KeysOf(command.keys);
  // A request of the split goes by positions, also where there may be one key alone.
  if (command.handling == conf::CommandHandling::kSplit) row.keys.kind = wire::KeyKind::kRange;
  row.flags = "write";
  if (command.access == conf::CommandAccess::kRead) {
    row.access = wire::Access::kRead;
    row.flags = "readonly";
  } else if (command.access == conf::CommandAccess::kAdmin) {
    row.access = wire::Access::kAdmin;
    row.flags = "admin";
  }
  row.handling = HandlingOf(command.handling);
  row.merge = MergeOf(command.merge);
  const bool is_refused = row.handling == wire::Handling::kRefused;
  if (is_refused) row.why = "the configuration of ringproxy says so";
  if (row.access == wire::Access::kRead && !is_refused) row.retry = wire::Retry::kSafe;
  if (command.is_heavy) row.weight = wire::Weight::kHeavy;
  return row;
}

// Classes of commands, what metrics call the unknown ones, and the word that opens a request of HTTP.
constexpr std::string_view kOtherMeanings[] = {"admin", "heavy", "learnt.read", "learnt.write",
                                               "other", "post",  "read",        "write"};

}  // namespace

std::vector<std::string> TakenCommandNames(const conf::Config& config) {
  std::vector<std::string> errors;
  for (size_t i = 0; i < config.commands.size(); ++i) {
    const std::string& name = config.commands[i].name;
    const std::string where = "commands[" + std::to_string(i) + "].name: " + conf::Quote(name);
    const wire::CommandSpec* known = wire::FindRedisCommand(name);
    if (known != nullptr && !known->is_configured)
      errors.push_back(where + " is a command that ringproxy knows by itself");
    if (std::ranges::find(kOtherMeanings, name) != std::end(kOtherMeanings))
      errors.push_back(where + " means something else in limits, metrics or HTTP");
  }
  return errors;
}

std::vector<wire::CommandSpec> ConfiguredRows(const conf::Config& config) {
  std::vector<wire::CommandSpec> rows;
  for (const conf::CustomCommand& command : config.commands) rows.push_back(RowOf(command));
  if (LearningPools(config) > 0) std::ranges::copy(RowsOfClasses(), std::back_inserter(rows));
  return rows;
}

void UseConfiguredCommands(const conf::Config& config) {
  if (config.commands.empty() && LearningPools(config) == 0) return;
  // Rows refer to their names for as long as the process lives.
  static std::deque<conf::Config> kept;
  conf::Config& commands = kept.emplace_back();
  commands.commands = config.commands;
  commands.pools = config.pools;
  wire::UseRedisCommands(wire::WithConfiguredRows(ConfiguredRows(commands)));
}

}  // namespace ringproxy::proxy
