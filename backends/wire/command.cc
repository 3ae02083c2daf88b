#include "backends/wire/command.h"

#include <array>
#include <cassert>

#include "backends/wire/ascii.h"
#include "backends/wire/stream_options.h"

namespace ringproxy::wire {
namespace {

constexpr uint16_t kNoRow = UINT16_MAX;

// Top-level names in an open-addressing table that is a quarter full, so most lookups compare one name.
class NameIndex {
 public:
  NameIndex() {
    places_.fill(kNoRow);
    const auto commands = RedisCommands();
    assert(commands.size() < kPlaces / 2);
    for (size_t i = 0; i < commands.size(); ++i) {
      if (commands[i].name.find('|') != std::string_view::npos) continue;
      size_t place = HashOf(commands[i].name);
      while (places_[place] != kNoRow) place = (place + 1) % kPlaces;
      places_[place] = static_cast<uint16_t>(i);
    }
  }

  const CommandSpec* Find(std::string_view name) const {
    for (size_t place = HashOf(name); places_[place] != kNoRow; place = (place + 1) % kPlaces) {
      const CommandSpec& spec = RedisCommands()[places_[place]];
      if (EqualsIgnoringCase(spec.name, name)) return &spec;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kPlaces = 1024;

  // FNV-1a over the name in lower case. Names are short; longer ones are unknown commands anyway.
  static size_t HashOf(std::string_view name) {
    uint32_t hash = 0x811c9dc5;
    for (const char c : name.substr(0, 32)) hash = (hash ^ static_cast<unsigned char>(ToLower(c))) * 0x01000193;
    return (hash ^ (hash >> 15)) % kPlaces;
  }

  std::array<uint16_t, kPlaces> places_;
};

const NameIndex& Names() {
  static const NameIndex index;
  return index;
}

const CommandSpec* FindSubcommand(const CommandSpec& container, std::string_view name) {
  for (const CommandSpec& row : SubcommandsOf(container)) {
    if (EqualsIgnoringCase(row.name.substr(container.name.size() + 1), name)) return &row;
  }
  return nullptr;
}

// Where a word of options stands, from `first` on; request.size() if it does not.
size_t FindWord(const Request& request, size_t first, std::string_view word) {
  size_t i = first;
  while (i < request.size() && !EqualsIgnoringCase(request[i], word)) ++i;
  return i;
}

// Whether a pattern of SORT says by itself where its keys lie: a hash tag that no `*` can change.
bool HasFixedTag(std::string_view pattern, std::string_view hash_tag) {
  if (hash_tag.size() != 2) return false;
  const size_t open = pattern.find(hash_tag[0]);
  if (open == std::string_view::npos) return false;
  const size_t close = pattern.find(hash_tag[1], open + 1);
  if (close == std::string_view::npos || close == open + 1) return false;
  return pattern.find('*') > close;
}

bool ReachesUnknownKeys(const Request& request, std::string_view hash_tag) {
  for (size_t i = 2; i + 1 < request.size(); ++i) {
    if (EqualsIgnoringCase(request[i], "limit")) {
      i += 2;
    } else if (EqualsIgnoringCase(request[i], "store")) {
      ++i;
    } else if (EqualsIgnoringCase(request[i], "by") || EqualsIgnoringCase(request[i], "get")) {
      ++i;
      // Without a `*` a pattern names no key.
      if (request[i].find('*') != std::string_view::npos && !HasFixedTag(request[i], hash_tag)) return true;
    }
  }
  return false;
}

bool NamesDatabase(const Request& request) {
  const size_t db = FindWord(request, 3, "db");
  return db + 1 < request.size() && request[db + 1] != "0";
}

}  // namespace

const CommandSpec* FindRedisCommand(const Request& request) {
  const CommandSpec* spec = Names().Find(request.name());
  if (spec == nullptr || request.size() < 2 || SubcommandsOf(*spec).empty()) return spec;
  const CommandSpec* subcommand = FindSubcommand(*spec, request[1]);
  return subcommand != nullptr ? subcommand : spec;
}

const CommandSpec* FindRedisCommand(std::string_view name) {
  const size_t bar = name.find('|');
  const CommandSpec* spec = Names().Find(name.substr(0, bar));
  if (spec == nullptr || bar == std::string_view::npos) return spec;
  return FindSubcommand(*spec, name.substr(bar + 1));
}

std::span<const CommandSpec> SubcommandsOf(const CommandSpec& spec) {
  const auto commands = RedisCommands();
  const size_t first = CommandIndex(spec) + 1;
  size_t end = first;
  while (end < commands.size() && commands[end].name.size() > spec.name.size() &&
         commands[end].name.starts_with(spec.name) && commands[end].name[spec.name.size()] == '|') {
    ++end;
  }
  return commands.subspan(first, end - first);
}

size_t CommandIndex(const CommandSpec& spec) {
  return static_cast<size_t>(&spec - RedisCommands().data());
}

Shape CheckShape(const CommandSpec& spec, const Request& request) {
  const auto size = static_cast<int>(request.size());
  if (size > 1 && !SubcommandsOf(spec).empty()) return Shape::kUnknownSubcommand;
  const bool fits = spec.arity >= 0 ? size == spec.arity : size >= -spec.arity;
  return fits ? Shape::kOk : Shape::kWrongArity;
}

std::string_view RefusalOf(const CommandSpec& spec, const Request& request, std::string_view hash_tag) {
  if (spec.handling == Handling::kRefused) return spec.why;
  switch (spec.check) {
    case ArgumentCheck::kNone: break;
    case ArgumentCheck::kBlockOption:
      if (ReadStreamOptions(request).blocks) {
        return "BLOCK would block the connection that all clients share; leave it out and poll";
      }
      break;
    case ArgumentCheck::kSortPatterns:
      if (ReachesUnknownKeys(request, hash_tag)) {
        return "a BY or GET pattern reaches keys of other nodes unless a hash tag stands before its '*'";
      }
      break;
    case ArgumentCheck::kCopyDatabase:
      if (NamesDatabase(request)) return "ringproxy serves database 0 only";
      break;
  }
  return {};
}

}  // namespace ringproxy::wire
