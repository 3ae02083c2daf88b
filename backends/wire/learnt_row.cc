#include "backends/wire/learnt_row.h"

#include <algorithm>
#include <array>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::wire {
namespace {

struct RefusedWord {
  std::string_view word;  // A flag, or a category with its sign.
  std::string_view why;
};

// Of these an operator's row would do as little.
constexpr RefusedWord kRefusedWords[] = {
    {"blocking", "it may wait at a node, on the connection that all clients share"},
    {"@blocking", "it may wait at a node, on the connection that all clients share"},
    {"pubsub", "what it subscribes would be the connection's that all clients share"},
    {"@pubsub", "what it subscribes would be the connection's that all clients share"},
    {"@transaction", "a transaction would be that of all clients on the connection"},
    {"@connection", "it would act on the connection that all clients share"},
    {"admin", "it concerns how the nodes run: ask the node itself"},
    {"@admin", "it concerns how the nodes run: ask the node itself"},
};
constexpr std::string_view kUnknownKeys =
    "where its keys stand cannot be told from what the nodes say of it: give it a row in commands";
constexpr std::string_view kUnknownNodes =
    "it names no keys, and the nodes do not say which of them it is for: give it a row in commands";
constexpr std::string_view kUnknownMerge =
    "it is for several nodes, and how to make one reply of theirs cannot be told: give it a row in commands";
constexpr std::string_view kHasSubcommands =
    "its subcommands cannot be told from each other: give it a row in commands";

// All of these take an empty text for a part that was left out.
std::string_view ToldText(std::string_view reply) {
  if (reply.empty()) return {};
  if (reply.starts_with('+') && reply.size() >= 3) return reply.substr(1, reply.size() - 3);
  return BulkReply(reply).value_or("");
}

std::optional<int64_t> NumberOf(std::string_view reply) {
  return reply.empty() ? std::nullopt : IntegerReply(reply);
}

ArrayReader ToldElements(std::string_view reply) {
  return reply.empty() ? ArrayReader() : ArrayReader(reply);
}

bool HasWord(std::string_view words, std::string_view wanted) {
  ArrayReader reader = ToldElements(words);
  while (reader.remaining() > 0) {
    if (ToldText(reader.Next()) == wanted) return true;
  }
  return false;
}

// In an array of names and values, the value; empty if there is none.
std::string_view ValueAt(std::string_view pairs, std::string_view name) {
  ArrayReader reader = ToldElements(pairs);
  while (reader.remaining() >= 2) {
    const std::string_view here = ToldText(reader.Next());
    const std::string_view value = reader.Next();
    if (here == name) return value;
  }
  return {};
}

int64_t NumberAt(std::string_view pairs, std::string_view name, int64_t otherwise) {
  return NumberOf(ValueAt(pairs, name)).value_or(otherwise);
}

// Beyond it no command has keys, but for those that stand behind others.
constexpr int64_t kMostPosition = 100;

bool Fits(int64_t value, int64_t least) {
  return value >= least && value <= kMostPosition;
}

// Positions as KeySpec has them.
std::optional<KeySpec> RangeOf(int64_t first, int64_t last, int64_t step) {
  if (!Fits(first, 1) || !Fits(last, -kMostPosition) || !Fits(step, 1)) return std::nullopt;
  if (last == 0 || (last > 0 && last < first)) return std::nullopt;
  return KeySpec{.kind = KeyKind::kRange,
                 .first = static_cast<int8_t>(first),
                 .last = static_cast<int8_t>(last),
                 .step = static_cast<int8_t>(step)};
}

// One key specification.
std::optional<KeySpec> KeysOfOne(std::string_view told) {
  const std::string_view begin = ValueAt(told, "begin_search");
  const std::string_view find = ValueAt(told, "find_keys");
  const std::string_view how = ValueAt(find, "spec");
  if (HasWord(ValueAt(told, "flags"), "incomplete") || ToldText(ValueAt(begin, "type")) != "index") return std::nullopt;
  const int64_t at = NumberAt(ValueAt(begin, "spec"), "index", 0);
  const std::string_view type = ToldText(ValueAt(find, "type"));
  const int64_t step = NumberAt(how, "keystep", 0);
  if (type == "range") {
    // Above 1 only a part of what follows are keys.
    if (NumberAt(how, "limit", 0) > 1) return std::nullopt;
    const int64_t last = NumberAt(how, "lastkey", 0);
    if (!Fits(at, 1) || !Fits(last, -kMostPosition)) return std::nullopt;
    return RangeOf(at, last < 0 ? last : at + last, step);
  }
  if (type != "keynum") return std::nullopt;
  const int64_t count = NumberAt(how, "keynumidx", -1);
  if (!Fits(at, 1) || !Fits(count, 0) || NumberAt(how, "firstkey", -1) != count + 1) return std::nullopt;
  std::optional<KeySpec> keys = RangeOf(at + count, at + count, step);
  if (keys) *keys = {.kind = KeyKind::kCounted, .first = keys->first, .step = keys->step};
  return keys;
}

// Those of two that follow one another: RENAME's, or a destination and its sources.
std::optional<KeySpec> Join(const KeySpec& a, const KeySpec& b) {
  if (a.kind == KeyKind::kRange && a.first == 1 && a.last == 1 && b.kind == KeyKind::kCounted) {
    const bool fits = b.first == 2 && b.step == 1;
    return fits ? std::optional(KeySpec{.kind = KeyKind::kDestinationAndCounted}) : std::nullopt;
  }
  const auto is_dense = [](const KeySpec& keys) {
    return keys.kind == KeyKind::kRange && (keys.step == 1 || keys.first == keys.last);
  };
  if (!is_dense(a) || !is_dense(b) || a.last < 0 || b.first != a.last + 1) return std::nullopt;
  return KeySpec{.kind = KeyKind::kRange, .first = a.first, .last = b.last, .step = 1};
}

// What COMMAND says of one command, in its order; what older servers leave out is empty.
struct ToldCommand {
  std::string_view name, arity, flags, first, last, step, categories, tips, key_specs, subcommands;
};

ToldCommand PartsOfCommand(std::string_view told) {
  ToldCommand parts;
  ArrayReader reader = ToldElements(told);
  for (std::string_view* part : {&parts.name, &parts.arity, &parts.flags, &parts.first, &parts.last, &parts.step,
                                 &parts.categories, &parts.tips, &parts.key_specs, &parts.subcommands}) {
    if (reader.remaining() > 0) *part = reader.Next();
  }
  return parts;
}

// None: they cannot be told.
std::optional<KeySpec> KeysOf(const ToldCommand& told) {
  ArrayReader specs = ToldElements(told.key_specs);
  std::optional<KeySpec> keys;
  if (specs.remaining() > 0) {
    keys = KeysOfOne(specs.Next());
    while (keys && specs.remaining() > 0) {
      const std::optional<KeySpec> next = KeysOfOne(specs.Next());
      keys = next ? Join(*keys, *next) : std::nullopt;
    }
  } else {
    const int64_t first = NumberOf(told.first).value_or(-1);
    keys = first == 0 ? std::optional(KeySpec{})
                      : RangeOf(first, NumberOf(told.last).value_or(0), NumberOf(told.step).value_or(0));
  }
  if (!keys) return keys;
  // The server itself has to look for more than places show.
  const bool is_counted = keys->kind == KeyKind::kCounted || keys->kind == KeyKind::kDestinationAndCounted;
  if (!is_counted && HasWord(told.flags, "movablekeys")) return std::nullopt;
  return keys;
}

std::string_view TipOf(std::string_view tips, std::string_view kind) {
  ArrayReader reader = ToldElements(tips);
  while (reader.remaining() > 0) {
    const std::string_view tip = ToldText(reader.Next());
    if (tip.starts_with(kind) && tip.size() > kind.size() && tip[kind.size()] == ':')
      return tip.substr(kind.size() + 1);
  }
  return {};
}

Merge MergeFor(std::string_view policy, Merge usual) {
  constexpr std::pair<std::string_view, Merge> kMerges[] = {{"agg_sum", Merge::kSum},
                                                            {"agg_min", Merge::kLeast},
                                                            {"agg_logical_and", Merge::kEveryElementAnd},
                                                            {"all_succeeded", Merge::kFirst}};
  if (policy.empty()) return usual;
  const auto* found = std::ranges::find(kMerges, policy, &std::pair<std::string_view, Merge>::first);
  return found != std::end(kMerges) ? found->second : Merge::kNone;
}

void RefuseRow(std::string_view why, LearntRow* row) {
  row->handling = Handling::kRefused;
  row->merge = Merge::kNone;
  row->keys = {};
  row->flags.clear();
  row->why = why;
}

// Where it goes, by its keys and tips.
void FindHandling(const ToldCommand& told, LearntRow* row) {
  const std::string_view request = TipOf(told.tips, "request_policy");
  const std::string_view response = TipOf(told.tips, "response_policy");
  KeySpec& keys = row->keys;
  if (keys.kind != KeyKind::kNone) {
    const bool is_split = request == "multi_shard" && keys.kind == KeyKind::kRange;
    Merge merge = MergeFor(response, keys.step == 1 ? Merge::kInKeyOrder : Merge::kNone);
    // Of which each node may have one element or none.
    if (merge == Merge::kEveryElementAnd || merge == Merge::kFirst)
      merge = response == "all_succeeded" ? Merge::kAllOk : Merge::kNone;
    if (is_split && merge != Merge::kNone) {
      row->handling = Handling::kSplit;
      row->merge = merge;
      return;
    }
    // A key that a request of this arity must have is found without a search.
    const bool is_there = row->arity > keys.first || -row->arity > keys.first;
    if (keys.kind == KeyKind::kRange && keys.first == keys.last && is_there) keys.kind = KeyKind::kOne;
    return;
  }
  if (request == "all_shards" || request == "all_nodes") {
    row->handling = Handling::kAllNodes;
    row->merge = MergeFor(response, row->access == Access::kRead ? Merge::kConcat : Merge::kNone);
    if (row->merge == Merge::kNone) RefuseRow(kUnknownMerge, row);
  } else if (request.empty() && row->access == Access::kRead) {
    row->handling = Handling::kAnyNode;
  } else {
    RefuseRow(kUnknownNodes, row);
  }
}

bool IsName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= LearntRow::kMostName && std::ranges::all_of(name, fits);
}

std::string FlagsOf(std::string_view told) {
  constexpr size_t kMostFlags = 16;
  constexpr size_t kMostFlag = 24;
  std::string flags;
  ArrayReader reader = ToldElements(told);
  for (size_t i = 0; i < kMostFlags && reader.remaining() > 0; ++i) {
    const std::string_view flag = ToldText(reader.Next());
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    if (flag.empty() || flag.size() > kMostFlag || !std::ranges::all_of(flag, fits)) continue;
    // Whom the proxy serves before a login is not for a node to say.
    if (flag == "no_auth") continue;
    flags.append(flags.empty() ? "" : " ").append(flag);
  }
  return flags;
}

std::optional<LearntRow> LearntRowOf(std::string_view text) {
  constexpr int64_t kMostArity = 1000;
  const ToldCommand told = PartsOfCommand(text);
  LearntRow row{.name = std::string(ToldText(told.name).substr(0, LearntRow::kMostName + 1))};
  std::ranges::transform(row.name, row.name.begin(), ToLower);
  const int64_t arity = NumberOf(told.arity).value_or(0);
  const bool fits = IsName(row.name) && arity != 0 && arity >= -kMostArity && arity <= kMostArity;
  if (!fits || FindRedisCommand(row.name) != nullptr) return std::nullopt;
  row.arity = static_cast<int>(arity);
  row.access = HasWord(told.flags, "readonly") && !HasWord(told.flags, "write") ? Access::kRead : Access::kWrite;
  row.flags = FlagsOf(told.flags);
  row.is_script = HasWord(told.categories, "@scripting");
  for (const RefusedWord& refused : kRefusedWords) {
    if (!HasWord(refused.word.starts_with('@') ? told.categories : told.flags, refused.word)) continue;
    RefuseRow(refused.why, &row);
    return row;
  }
  if (ToldElements(told.subcommands).remaining() > 0) {
    RefuseRow(kHasSubcommands, &row);
    return row;
  }
  const std::optional<KeySpec> keys = KeysOf(told);
  if (!keys) {
    RefuseRow(kUnknownKeys, &row);
    return row;
  }
  row.keys = *keys;
  FindHandling(told, &row);
  return row;
}

}  // namespace

std::optional<std::vector<LearntRow>> ReadLearntRows(std::string_view reply) {
  ArrayReader commands = ToldElements(reply);
  if (!commands.is_array() || reply.size() > LearntRow::kMostAnswer) return std::nullopt;
  std::vector<LearntRow> rows;
  while (commands.remaining() > 0 && rows.size() < LearntRow::kMostRows) {
    if (std::optional<LearntRow> row = LearntRowOf(commands.Next())) rows.push_back(std::move(*row));
  }
  std::ranges::stable_sort(rows, {}, &LearntRow::name);
  const auto is_twice = [](const LearntRow& a, const LearntRow& b) { return a.name == b.name; };
  rows.erase(std::unique(rows.begin(), rows.end(), is_twice), rows.end());
  return rows;
}

}  // namespace ringproxy::wire
