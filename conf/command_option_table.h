// conf/command_option_table.h – The part of the option table that has the operator's own commands: see
// conf/option_table.h.
#pragma once

#include "conf/option_names.h"
#include "conf/options.h"

namespace ringproxy::conf {

// In the place of a map of keys: there are none.
inline constexpr std::string_view kNoKeys = "none";
// Positions of keys are kept in a byte.
inline constexpr uint64_t kLastPosition = 127;

template <>
inline constexpr auto kOptions<CommandKeys> = std::make_tuple(
    OptionRow{"first", &CommandKeys::first, CountOrZero("none", 1, kLastPosition), Reload::kRestart,
              "Where the first key stands; the argument behind the name is 1."},
    OptionRow{"last", &CommandKeys::last, Signed(kLastPosition), Reload::kRestart,
              "Where the last key stands; below 0 it counts from the end, -1 being the last argument. 0 = as first."},
    OptionRow{"step", &CommandKeys::step, Count(1, kLastPosition), Reload::kRestart,
              "How far a key stands behind the one before it: 2 where each has a value behind it."},
    OptionRow{"count_at", &CommandKeys::count_at, CountOrZero("none", 1, kLastPosition), Reload::kRestart,
              "Instead of first and last: which argument says how many keys follow it."});

template <>
inline constexpr auto kOptions<CustomCommand> = std::make_tuple(
    OptionRow{"name", &CustomCommand::name, Name().Required(), Reload::kRestart,
              "Its name, in lower case; none that ringproxy knows by itself."},
    OptionRow{"arity", &CustomCommand::arity, Signed(1024 * 1024).Required(), Reload::kRestart,
              "How many words a request has, the name included; below 0 the least number of them: -3 = three or more."},
    OptionRow{"keys", &CustomCommand::keys, Section(), Reload::kRestart,
              "Where its keys stand, or none: it has no keys."},
    OptionRow{"access", &CustomCommand::access, Choice(), Reload::kRestart,
              "What it does, for limits, metrics and retries: only what changes nothing is a read."},
    OptionRow{"handling", &CustomCommand::handling, Choice(), Reload::kRestart,
              "forward = to the node that has its keys; split = each node gets a request with its keys; all_nodes and "
              "any_node = without keys, to every node or to one of them; refuse = clients read an error."},
    OptionRow{
        "merge", &CustomCommand::merge, Choice(), Reload::kRestart,
        "With split and all_nodes: how the nodes' replies become one. in_key_order = arrays with an element for "
        "each key; sum, least = of integers; all_ok = all say OK; concat = arrays follow one another; first = all "
        "say the same; every_element_and = arrays of 0 and 1; any_non_nil = the first that is not nil."},
    OptionRow{
        "heavy", &CustomCommand::is_heavy, Switch(), Reload::kRestart,
        "It may keep a node busy for long, as SORT does: it has timeouts.heavy, and costs more where limits count "
        "commands."});

}  // namespace ringproxy::conf
