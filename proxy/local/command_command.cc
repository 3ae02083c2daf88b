// COMMAND: what can be called here, from the command table, in the shape of Redis 7.0. Commands that ringproxy refuses,
// or that some of the nodes are too old for, are not listed: a client that asks for them learns at once that they are
// not there.
#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include "backends/wire/ascii.h"
#include "backends/wire/glob.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

using wire::CommandSpec;
using wire::KeyKind;

constexpr std::string_view kCommandHelp[] = {
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all commands that can be called here.",
    "COUNT",
    "    Return how many they are.",
    "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    Return their names.",
    "INFO [<command-name> ...]",
    "    Return details about some or all of them.",
    "DOCS [<command-name> ...]",
    "    Return documentation, as one of the nodes has it.",
    "GETKEYS <full-command>",
    "    Return the keys from a full command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full command.",
    "HELP",
    "    Print this help.",
};

bool IsSubcommand(const CommandSpec& spec) {
  return spec.name.find('|') != std::string_view::npos;
}

bool Has(backends::ServerVersion release, uint32_t since) {
  return !release.is_known() || since <= release.number();
}

// Whether it can be called, or one of its subcommands, on all nodes.
bool IsServed(const CommandSpec& spec, const FleetReleases& nodes) {
  const auto is_served = [&](const CommandSpec& row) { return IsServed(row, nodes); };
  if (std::ranges::any_of(wire::SubcommandsOf(spec), is_served)) return true;
  // What has not told its release is taken for the Redis of the table.
  const bool is_known = nodes.least().is_known() && !nodes.has_unknown;
  if (!is_known && !Has(kTableVersion, spec.since.redis)) return false;
  if (!Has(nodes.redis, spec.since.redis) || !Has(nodes.valkey, spec.since.valkey)) return false;
  if (wire::NeedsAdmin(spec) && !nodes.admin_commands) return false;
  return spec.handling == wire::Handling::kOneNode ? nodes.has_one_node : spec.handling != wire::Handling::kRefused;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    words.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(text.size(), words.back().size() + 1));
  }
  return words;
}

// The row's categories and those that Redis derives from the flags.
std::vector<std::string_view> CategoriesOf(const CommandSpec& spec) {
  std::vector<std::string_view> categories = Words(spec.categories);
  const std::vector<std::string_view> flags = Words(spec.flags);
  const auto has = [](const auto& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
  };
  if (has(flags, "write")) categories.push_back("write");
  // Redis leaves EVAL_RO and its like out of the category read.
  if (has(flags, "readonly") && !has(categories, "scripting")) categories.push_back("read");
  if (has(flags, "pubsub")) categories.push_back("pubsub");
  if (has(flags, "blocking")) categories.push_back("blocking");
  if (has(flags, "admin")) {
    categories.push_back("admin");
    categories.push_back("dangerous");
  }
  categories.push_back(has(flags, "fast") ? "fast" : "slow");
  return categories;
}

// First key, last key and step, as every version of COMMAND tells them; zeros where only GETKEYS knows.
struct KeyTriple {
  int first = 0;
  int last = 0;
  int step = 0;
};

KeyTriple TripleOf(const wire::KeySpec& keys) {
  switch (keys.kind) {
    case KeyKind::kNone:
    case KeyKind::kOne:
    case KeyKind::kRange: return {keys.first, keys.last, keys.step};
    case KeyKind::kDestinationAndCounted:
    case KeyKind::kSort:
    case KeyKind::kGeoStore: return {1, 1, 1};
    case KeyKind::kMigrate: return {3, 3, 1};
    case KeyKind::kCounted:
    case KeyKind::kStreams: break;
  }
  return {};
}

using Fields = std::initializer_list<std::pair<std::string_view, int64_t>>;

// What one reply is written to.
struct CommandReply {
  void AppendMap(size_t pairs) const { wire::AppendMapHeader(pairs, protocol, out); }
  void AppendSet(size_t count) const { wire::AppendSetHeader(count, protocol, out); }
  void AppendWords(std::span<const std::string_view> words, std::string_view before = {}) const {
    AppendSet(words.size());
    for (const std::string_view word : words) wire::AppendSimple(std::string(before).append(word), out);
  }

  uint8_t protocol;
  const FleetReleases& nodes;
  std::string* out;
};

// {"type": type, "spec": fields} under the name of `step`.
void AppendSearch(std::string_view step, std::string_view type, Fields fields, const CommandReply& reply) {
  std::string* out = reply.out;
  wire::AppendBulk(step, out);
  reply.AppendMap(2);
  wire::AppendBulk("type", out);
  wire::AppendBulk(type, out);
  wire::AppendBulk("spec", out);
  reply.AppendMap(fields.size());
  for (const auto& [name, value] : fields) {
    wire::AppendBulk(name, out);
    wire::AppendInteger(value, out);
  }
}

// How a key is used stands in no row: a write may do anything to any of them.
void AppendKeyFlags(const CommandSpec& spec, bool complete, const CommandReply& reply) {
  std::vector<std::string_view> flags = {"RW", "access", "update"};
  if (spec.access == wire::Access::kRead) flags = {"RO", "access"};
  if (!complete) flags.push_back("incomplete");
  wire::AppendBulk("flags", reply.out);
  reply.AppendWords(flags);
}

void AppendRangeSpec(const CommandSpec& spec, bool complete, const CommandReply& reply) {
  const KeyTriple triple = TripleOf(spec.keys);
  // A key's place counts from the first key here, and from the command in the triple; from the end it is the same in
  // both.
  const int last = triple.last < 0 ? triple.last : triple.last - triple.first;
  reply.AppendMap(3);
  AppendKeyFlags(spec, complete, reply);
  AppendSearch("begin_search", "index", {{"index", triple.first}}, reply);
  AppendSearch("find_keys", "range", {{"lastkey", last}, {"keystep", triple.step}, {"limit", 0}}, reply);
}

void AppendCountSpec(const CommandSpec& spec, int count_at, int step, const CommandReply& reply) {
  reply.AppendMap(3);
  AppendKeyFlags(spec, true, reply);
  AppendSearch("begin_search", "index", {{"index", count_at}}, reply);
  // Positions count from the number itself: the keys begin right behind it.
  AppendSearch("find_keys", "keynum", {{"keynumidx", 0}, {"firstkey", 1}, {"keystep", step}}, reply);
}

void AppendKeySpecs(const CommandSpec& spec, const CommandReply& reply) {
  switch (spec.keys.kind) {
    case KeyKind::kNone: return reply.AppendSet(0);
    case KeyKind::kOne:
    case KeyKind::kRange: reply.AppendSet(1); return AppendRangeSpec(spec, true, reply);
    case KeyKind::kCounted: reply.AppendSet(1); return AppendCountSpec(spec, spec.keys.first, spec.keys.step, reply);
    case KeyKind::kDestinationAndCounted:
      reply.AppendSet(2);
      AppendRangeSpec(spec, true, reply);
      return AppendCountSpec(spec, 2, 1, reply);
    // Keys behind keywords: the flag says that GETKEYS knows more.
    case KeyKind::kSort:
    case KeyKind::kGeoStore:
    case KeyKind::kMigrate: reply.AppendSet(1); return AppendRangeSpec(spec, false, reply);
    case KeyKind::kStreams:
      reply.AppendSet(1);
      reply.AppendMap(3);
      AppendKeyFlags(spec, false, reply);
      AppendSearch("begin_search", "unknown", {}, reply);
      AppendSearch("find_keys", "unknown", {}, reply);
  }
}

void AppendCommand(const CommandSpec& spec, const CommandReply& reply) {
  std::string* out = reply.out;
  // Ten fields since Redis 7.0; older clients read the first six.
  wire::AppendArrayHeader(10, out);
  wire::AppendBulk(spec.name, out);
  wire::AppendInteger(spec.arity, out);
  reply.AppendWords(Words(spec.flags));
  const KeyTriple triple = TripleOf(spec.keys);
  for (const int value : {triple.first, triple.last, triple.step}) wire::AppendInteger(value, out);
  reply.AppendWords(CategoriesOf(spec), "@");
  // No tips: they tell a client how to spread a command over servers, which is what it has ringproxy for.
  reply.AppendSet(0);
  AppendKeySpecs(spec, reply);
  const auto subcommands = wire::SubcommandsOf(spec);
  const auto is_served = [&](const CommandSpec& row) { return IsServed(row, reply.nodes); };
  reply.AppendSet(static_cast<size_t>(std::ranges::count_if(subcommands, is_served)));
  for (const CommandSpec& subcommand : subcommands) {
    if (is_served(subcommand)) AppendCommand(subcommand, reply);
  }
}

bool IsListed(const CommandSpec& spec, const FleetReleases& nodes) {
  return !IsSubcommand(spec) && IsServed(spec, nodes);
}

using LearntSpecs = std::span<const CommandSpec* const>;

// What a fleet of such nodes has.
struct ListedCommands {
  explicit ListedCommands(const FleetReleases& fleet) : nodes(fleet) {
    const auto is_listed = [&](const CommandSpec& row) { return IsListed(row, nodes); };
    count = static_cast<size_t>(std::ranges::count_if(wire::RedisCommands(), is_listed));
    for (uint8_t protocol = 2; protocol <= 3; ++protocol) {
      std::string& all = texts[protocol - 2];
      for (const CommandSpec& spec : wire::RedisCommands()) {
        if (is_listed(spec)) AppendCommand(spec, {protocol, nodes, &all});
      }
    }
  }

  FleetReleases nodes;
  size_t count;
  std::string texts[2];  // COMMAND in RESP2 and in RESP3, without its header.
};

// It takes long to make, and whoever asks for it asks often: each worker keeps those of its last few kinds of fleets.
const ListedCommands& CommandsOf(const FleetReleases& nodes) {
  constexpr size_t kKept = 4;
  thread_local std::vector<ListedCommands> kept;
  const auto found = std::ranges::find(kept, nodes, &ListedCommands::nodes);
  if (found != kept.end()) return *found;
  if (kept.size() == kKept) kept.erase(kept.begin());
  return kept.emplace_back(nodes);
}

size_t CountServed(LearntSpecs learnt, const FleetReleases& nodes) {
  const auto is_served = [&](const CommandSpec* spec) { return IsServed(*spec, nodes); };
  return static_cast<size_t>(std::ranges::count_if(learnt, is_served));
}

const CommandSpec* FindLearnt(LearntSpecs learnt, std::string_view name) {
  const auto found =
      std::ranges::find_if(learnt, [&](const CommandSpec* spec) { return wire::EqualsIgnoringCase(spec->name, name); });
  return found != learnt.end() ? *found : nullptr;
}

// Those that are served and wanted.
LocalOutcome AppendNames(const LocalCall& call, const auto& wanted) {
  const FleetReleases nodes = call.nodes();
  std::vector<std::string_view> names;
  for (const CommandSpec& spec : wire::RedisCommands()) {
    if (wanted(spec) && IsServed(spec, nodes)) names.push_back(spec.name);
  }
  for (const CommandSpec* spec : call.listener.learnt) {
    if (wanted(*spec) && IsServed(*spec, nodes)) names.push_back(spec->name);
  }
  wire::AppendArrayHeader(names.size(), call.out);
  for (const std::string_view name : names) wire::AppendBulk(name, call.out);
  return LocalOutcome::kAnswered;
}

}  // namespace

LocalOutcome AnswerCommand(const LocalCall& call) {
  const FleetReleases nodes = call.nodes();
  const ListedCommands& listed = CommandsOf(nodes);
  wire::AppendArrayHeader(listed.count + CountServed(call.listener.learnt, nodes), call.out);
  call.out->append(listed.texts[call.protocol() - 2]);
  for (const CommandSpec* spec : call.listener.learnt) {
    if (IsServed(*spec, nodes)) AppendCommand(*spec, {call.protocol(), nodes, call.out});
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandCount(const LocalCall& call) {
  const FleetReleases nodes = call.nodes();
  const size_t count = CommandsOf(nodes).count + CountServed(call.listener.learnt, nodes);
  wire::AppendInteger(static_cast<int64_t>(count), call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandInfo(const LocalCall& call) {
  if (call.request.size() == 2) return AnswerCommand(call);
  const FleetReleases nodes = call.nodes();
  wire::AppendArrayHeader(call.request.size() - 2, call.out);
  for (size_t i = 2; i < call.request.size(); ++i) {
    const CommandSpec* spec = wire::FindRedisCommand(call.request[i]);
    if (spec == nullptr) spec = FindLearnt(call.listener.learnt, call.request[i]);
    if (spec != nullptr && IsServed(*spec, nodes)) {
      AppendCommand(*spec, {call.protocol(), nodes, call.out});
    } else {
      wire::AppendNil(call.protocol(), call.out);
    }
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandList(const LocalCall& call) {
  const wire::Request& request = call.request;
  if (request.size() == 2) return AppendNames(call, [](const CommandSpec&) { return true; });
  if (request.size() == 5 && wire::EqualsIgnoringCase(request[2], "filterby")) {
    const std::string_view value = request[4];
    if (wire::EqualsIgnoringCase(request[3], "module")) {
      // Which modules a node has loaded is not known.
      return AppendNames(call, [](const CommandSpec&) { return false; });
    }
    if (wire::EqualsIgnoringCase(request[3], "aclcat")) {
      return AppendNames(call, [value](const CommandSpec& spec) {
        const auto is_value = [value](std::string_view category) { return wire::EqualsIgnoringCase(category, value); };
        return std::ranges::any_of(CategoriesOf(spec), is_value);
      });
    }
    if (wire::EqualsIgnoringCase(request[3], "pattern")) {
      return AppendNames(
          call, [value](const CommandSpec& spec) { return wire::MatchesGlob(value, spec.name, wire::Case::kIgnored); });
    }
  }
  wire::AppendError("ERR syntax error", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandHelp(const LocalCall& call) {
  wire::AppendArrayHeader(std::size(kCommandHelp), call.out);
  for (const std::string_view line : kCommandHelp) wire::AppendSimple(line, call.out);
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
