// COMMAND: what can be called here, from the command table, in the shape of Redis 7.0. Commands that ringproxy refuses
// are not listed: a client that asks for them learns at once that they are not there.
#include <algorithm>
#include <iterator>
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

bool IsServed(const CommandSpec& spec) {
  const auto subcommands = wire::SubcommandsOf(spec);
  return spec.handling != wire::Handling::kRefused || std::ranges::any_of(subcommands, IsServed);
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
    case KeyKind::kOne:
    case KeyKind::kRange: return {keys.first, keys.last, keys.step};
    case KeyKind::kDestinationAndCounted:
    case KeyKind::kSort:
    case KeyKind::kGeoStore: return {1, 1, 1};
    case KeyKind::kMigrate: return {3, 3, 1};
    case KeyKind::kNone:
    case KeyKind::kCounted:
    case KeyKind::kStreams: break;
  }
  return {};
}

using Fields = std::initializer_list<std::pair<std::string_view, int64_t>>;

// {"type": type, "spec": fields} under the name of `step`.
void AppendSearch(std::string_view step, std::string_view type, Fields fields, std::string* out) {
  wire::AppendBulk(step, out);
  wire::AppendArrayHeader(4, out);
  wire::AppendBulk("type", out);
  wire::AppendBulk(type, out);
  wire::AppendBulk("spec", out);
  wire::AppendArrayHeader(2 * fields.size(), out);
  for (const auto& [name, value] : fields) {
    wire::AppendBulk(name, out);
    wire::AppendInteger(value, out);
  }
}

// How a key is used stands in no row: a write may do anything to any of them.
void AppendKeyFlags(const CommandSpec& spec, bool complete, std::string* out) {
  std::vector<std::string_view> flags = {"RW", "access", "update"};
  if (spec.access == wire::Access::kRead) flags = {"RO", "access"};
  if (!complete) flags.push_back("incomplete");
  wire::AppendBulk("flags", out);
  wire::AppendArrayHeader(flags.size(), out);
  for (const std::string_view flag : flags) wire::AppendSimple(flag, out);
}

void AppendRangeSpec(const CommandSpec& spec, bool complete, std::string* out) {
  const KeyTriple triple = TripleOf(spec.keys);
  // A key's place counts from the first key here, and from the command in the triple; from the end it is the same in
  // both.
  const int last = triple.last < 0 ? triple.last : triple.last - triple.first;
  wire::AppendArrayHeader(6, out);
  AppendKeyFlags(spec, complete, out);
  AppendSearch("begin_search", "index", {{"index", triple.first}}, out);
  AppendSearch("find_keys", "range", {{"lastkey", last}, {"keystep", triple.step}, {"limit", 0}}, out);
}

void AppendCountSpec(const CommandSpec& spec, int count_at, int step, std::string* out) {
  wire::AppendArrayHeader(6, out);
  AppendKeyFlags(spec, true, out);
  AppendSearch("begin_search", "index", {{"index", count_at}}, out);
  // Positions count from the number itself: the keys begin right behind it.
  AppendSearch("find_keys", "keynum", {{"keynumidx", 0}, {"firstkey", 1}, {"keystep", step}}, out);
}

void AppendKeySpecs(const CommandSpec& spec, std::string* out) {
  switch (spec.keys.kind) {
    case KeyKind::kNone: return wire::AppendArrayHeader(0, out);
    case KeyKind::kOne:
    case KeyKind::kRange: wire::AppendArrayHeader(1, out); return AppendRangeSpec(spec, true, out);
    case KeyKind::kCounted:
      wire::AppendArrayHeader(1, out);
      return AppendCountSpec(spec, spec.keys.first, spec.keys.step, out);
    case KeyKind::kDestinationAndCounted:
      wire::AppendArrayHeader(2, out);
      AppendRangeSpec(spec, true, out);
      return AppendCountSpec(spec, 2, 1, out);
    // Keys behind keywords: the flag says that GETKEYS knows more.
    case KeyKind::kSort:
    case KeyKind::kGeoStore:
    case KeyKind::kMigrate: wire::AppendArrayHeader(1, out); return AppendRangeSpec(spec, false, out);
    case KeyKind::kStreams:
      wire::AppendArrayHeader(1, out);
      wire::AppendArrayHeader(6, out);
      AppendKeyFlags(spec, false, out);
      AppendSearch("begin_search", "unknown", {}, out);
      AppendSearch("find_keys", "unknown", {}, out);
  }
}

void AppendCommand(const CommandSpec& spec, std::string* out) {
  // Ten fields since Redis 7.0; older clients read the first six.
  wire::AppendArrayHeader(10, out);
  wire::AppendBulk(spec.name, out);
  wire::AppendInteger(spec.arity, out);
  const auto flags = Words(spec.flags);
  wire::AppendArrayHeader(flags.size(), out);
  for (const std::string_view flag : flags) wire::AppendSimple(flag, out);
  const KeyTriple triple = TripleOf(spec.keys);
  for (const int value : {triple.first, triple.last, triple.step}) wire::AppendInteger(value, out);
  const auto categories = CategoriesOf(spec);
  wire::AppendArrayHeader(categories.size(), out);
  for (const std::string_view category : categories) wire::AppendSimple(std::string("@").append(category), out);
  // No tips: they tell a client how to spread a command over servers, which is what it has ringproxy for.
  wire::AppendArrayHeader(0, out);
  AppendKeySpecs(spec, out);
  const auto subcommands = wire::SubcommandsOf(spec);
  wire::AppendArrayHeader(static_cast<size_t>(std::ranges::count_if(subcommands, IsServed)), out);
  for (const CommandSpec& subcommand : subcommands) {
    if (IsServed(subcommand)) AppendCommand(subcommand, out);
  }
}

bool IsListed(const CommandSpec& spec) {
  return !IsSubcommand(spec) && IsServed(spec);
}

size_t ListedCount() {
  static const auto count = static_cast<size_t>(std::ranges::count_if(wire::RedisCommands(), IsListed));
  return count;
}

std::string AllCommands() {
  std::string all;
  wire::AppendArrayHeader(ListedCount(), &all);
  for (const CommandSpec& spec : wire::RedisCommands()) {
    if (IsListed(spec)) AppendCommand(spec, &all);
  }
  return all;
}

LocalOutcome AppendNames(const auto& wanted, std::string* out) {
  std::vector<std::string_view> names;
  for (const CommandSpec& spec : wire::RedisCommands()) {
    if (wanted(spec)) names.push_back(spec.name);
  }
  wire::AppendArrayHeader(names.size(), out);
  for (const std::string_view name : names) wire::AppendBulk(name, out);
  return LocalOutcome::kAnswered;
}

}  // namespace

// It is the same for everybody and takes long to make, and whoever asks for it asks often.
LocalOutcome AnswerCommand(const LocalCall& call) {
  static const std::string all = AllCommands();
  call.out->append(all);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandCount(const LocalCall& call) {
  wire::AppendInteger(static_cast<int64_t>(ListedCount()), call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandInfo(const LocalCall& call) {
  if (call.request.size() == 2) return AnswerCommand(call);
  wire::AppendArrayHeader(call.request.size() - 2, call.out);
  for (size_t i = 2; i < call.request.size(); ++i) {
    const CommandSpec* spec = wire::FindRedisCommand(call.request[i]);
    if (spec != nullptr && IsServed(*spec)) {
      AppendCommand(*spec, call.out);
    } else {
      wire::AppendNilBulk(call.out);
    }
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerCommandList(const LocalCall& call) {
  const wire::Request& request = call.request;
  if (request.size() == 2) return AppendNames(IsListed, call.out);
  if (request.size() == 5 && wire::EqualsIgnoringCase(request[2], "filterby")) {
    const std::string_view value = request[4];
    if (wire::EqualsIgnoringCase(request[3], "module")) {
      return AppendNames([](const CommandSpec&) { return false; }, call.out);
    }
    if (wire::EqualsIgnoringCase(request[3], "aclcat")) {
      const auto in_category = [value](const CommandSpec& spec) {
        const auto is_value = [value](std::string_view category) { return wire::EqualsIgnoringCase(category, value); };
        return IsServed(spec) && std::ranges::any_of(CategoriesOf(spec), is_value);
      };
      return AppendNames(in_category, call.out);
    }
    if (wire::EqualsIgnoringCase(request[3], "pattern")) {
      const auto matches = [value](const CommandSpec& spec) {
        return IsServed(spec) && wire::MatchesGlob(value, spec.name, wire::Case::kIgnored);
      };
      return AppendNames(matches, call.out);
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
