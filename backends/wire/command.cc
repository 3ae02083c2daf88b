#include "backends/wire/command.h"

#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/integer.h"
#include "backends/wire/stream_options.h"

namespace ringproxy::wire {
namespace {

constexpr size_t kWord = sizeof(uint64_t);

// Eight characters at once: sets bit 5 of those from A to Z. The sums carry into a byte's highest bit, never beyond.
uint64_t ToLowerWord(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = kOnes * 0x80;
  const uint64_t low_bits = word & ~kHigh;
  const uint64_t from_a = low_bits + kOnes * (0x80 - 'A');
  const uint64_t beyond_z = low_bits + kOnes * (0x7f - 'Z');
  return word | ((from_a & ~beyond_z & ~word & kHigh) >> 2);
}

template <typename Word>
uint64_t Load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// A name in lower case as two words that overlap where it is short: up to 16 characters they are the whole name.
struct NameWords {
  uint64_t first = 0;
  uint64_t last = 0;

  explicit NameWords(std::string_view name) {
    const char* const data = name.data();
    const size_t size = name.size();
    if (size >= kWord) {
      first = ToLowerWord(Load<uint64_t>(data));
      last = ToLowerWord(Load<uint64_t>(data + size - kWord));
    } else if (size >= kWord / 2) {
      first = ToLowerWord(Load<uint32_t>(data) << 32 | Load<uint32_t>(data + size - kWord / 2));
    } else if (size > 0) {
      first =
          ToLowerWord(Load<uint8_t>(data) << 16 | Load<uint8_t>(data + size / 2) << 8 | Load<uint8_t>(data + size - 1));
    }
  }
};

// Top-level names in an open-addressing table that is at most half full. A lookup is two multiplications and, as a
// rule, one comparison of words: it is done for every request.
class RedisNames {
 public:
  explicit RedisNames(std::span<const CommandSpec> rows) {
    size_t names = 0;
    for (const CommandSpec& spec : rows) {
      if (spec.name.find('|') != std::string_view::npos) continue;
      const NameWords words(spec.name);
      size_t place = PlaceOf(words, spec.name.size());
      while (places_[place].spec != nullptr) place = (place + 1) % kPlaces;
      places_[place] = {words.first, words.last, &spec, spec.name.size(), !SubcommandsOf(spec).empty()};
      ++names;
      assert(names <= kPlaces / 2);  // A full table would be searched for ever.
    }
  }

  struct NamePlace {
    uint64_t first = 0;
    uint64_t last = 0;
    const CommandSpec* spec = nullptr;
    size_t size = 0;  // Of the name.
    bool has_subcommands = false;
  };

  const NamePlace* Find(std::string_view name) const {
    const NameWords words(name);
    for (size_t i = PlaceOf(words, name.size()); places_[i].spec != nullptr; i = (i + 1) % kPlaces) {
      const NamePlace& place = places_[i];
      if (place.first != words.first || place.last != words.last || place.size != name.size()) continue;
      // Up to sixteen characters the two words are the whole name.
      if (name.size() <= 2 * kWord || IsNameOf(*place.spec, name)) return &place;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kPlaces = 2048;

  static size_t PlaceOf(const NameWords& words, size_t size) {
    // Odd factors (the golden ratio's and one of xxHash's) carry every character into the upper half, which is used.
    const uint64_t mixed = (words.first + size) * 0x9e3779b97f4a7c15 + words.last * 0xc2b2ae3d27d4eb4f;
    return (mixed >> 32) % kPlaces;
  }

  // Seldom needed, and apart from what every request goes through, so that this needs few registers.
  [[gnu::noinline]] static bool IsNameOf(const CommandSpec& spec, std::string_view name) {
    return EqualsIgnoringCase(spec.name, name);
  }

  std::array<NamePlace, kPlaces> places_;
};

// The table in force.
std::span<const CommandSpec> all_rows = BuiltInRedisCommands();
RedisNames all_names{all_rows};

[[gnu::noinline]] const CommandSpec* FindSubcommand(const CommandSpec& container, std::string_view name) {
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
  // An empty tag is none, as in ring::HashTag.
  if (close == std::string_view::npos || close == open + 1) return false;
  return pattern.find('*') > close;
}

bool ReachesUnknownKeys(const Request& request, std::string_view hash_tag) {
  for (size_t i = 2; i + 1 < request.size(); ++i) {
    // What follows an option is skipped with it, for its value may be a word like BY or GET.
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

}  // namespace

bool ReachesFar(const CommandSpec& spec, const Request& request) {
  constexpr int64_t kFarBytes = 1 << 20;
  constexpr int64_t kFarBits = 8 * kFarBytes;
  constexpr int64_t kFarElements = 10'000;
  // Behind a # the offset counts in fields, whose width Redis bounds by this many bits.
  constexpr int64_t kLargestField = 64;
  const auto is_beyond = [](std::string_view text, int64_t far) { return ParseInteger(text).value_or(0) >= far; };
  switch (spec.reach) {
    case Reach::kNear: return false;
    case Reach::kByteAt2: return is_beyond(request[2], kFarBytes);
    case Reach::kBitAt2: return is_beyond(request[2], kFarBits);
    case Reach::kBitfield: break;
    case Reach::kCount: {
      const size_t count = FindWord(request, 2, "count") + 1;
      return count < request.size() && is_beyond(request[count], kFarElements);
    }
  }
  // A value that looks like an offset does no harm.
  for (size_t i = 2; i < request.size(); ++i) {
    const std::string_view text = request[i];
    if (text.starts_with('#') ? is_beyond(text.substr(1), kFarBits / kLargestField) : is_beyond(text, kFarBits))
      return true;
  }
  return false;
}

std::span<const CommandSpec> RedisCommands() {
  return all_rows;
}

std::vector<CommandSpec> WithConfiguredRows(std::vector<CommandSpec> rows) {
  for (CommandSpec& row : rows) row.is_configured = true;
  rows.insert(rows.end(), BuiltInRedisCommands().begin(), BuiltInRedisCommands().end());
  std::ranges::sort(rows, StandsBefore);
  NumberRows(rows, 0);
  return rows;
}

void UseRedisCommands(std::vector<CommandSpec> rows) {
  static const std::vector<CommandSpec> kept = std::move(rows);
  all_rows = kept;
  all_names = RedisNames(all_rows);
}

const CommandSpec* FindRedisCommand(const Request& request) {
  const RedisNames::NamePlace* place = all_names.Find(request.name());
  if (place == nullptr) return nullptr;
  if (!place->has_subcommands || request.size() < 2) return place->spec;
  const CommandSpec* subcommand = FindSubcommand(*place->spec, request[1]);
  return subcommand != nullptr ? subcommand : place->spec;
}

const CommandSpec* FindRedisCommand(std::string_view name) {
  const size_t bar = name.find('|');
  const RedisNames::NamePlace* place = all_names.Find(name.substr(0, bar));
  if (place == nullptr) return nullptr;
  return bar == std::string_view::npos ? place->spec : FindSubcommand(*place->spec, name.substr(bar + 1));
}

Shape CheckShape(const CommandSpec& spec, const Request& request) {
  const auto size = static_cast<int>(request.size());
  // A container's row is found only where its second word names none of its subcommands.
  if (size > 1 && !SubcommandsOf(spec).empty()) return Shape::kUnknownSubcommand;
  const bool fits = spec.arity >= 0 ? size == spec.arity : size >= -spec.arity;
  return fits ? Shape::kOk : Shape::kWrongArity;
}

std::string_view RefusalOf(const CommandSpec& spec, const Request& request, const AllowedUse& use) {
  if (spec.handling == Handling::kRefused) return spec.why;
  switch (spec.check) {
    case ArgumentCheck::kNone:
    case ArgumentCheck::kBlockOption:  // See IsPinned.
    case ArgumentCheck::kGrouping: break;
    case ArgumentCheck::kNeedsAdmin:
      if (use.admin_commands) break;
      if (spec.handling == Handling::kClients)
        return "it acts on other clients: set admin_commands: true of the listener";
      // Several nodes would not have it anyway.
      if (spec.handling == Handling::kOneNode && !use.has_one_node) return spec.why;
      return "it concerns how the nodes run: ask the node itself, or set admin_commands: true of the listener";
    case ArgumentCheck::kSortPatterns:
      if (!use.has_one_node && ReachesUnknownKeys(request, use.hash_tag)) {
        return "a BY or GET pattern reaches keys of other nodes unless a hash tag stands before its '*'";
      }
      break;
  }
  return {};
}

bool IsPinned(const CommandSpec& spec, const Request& request) {
  if (spec.handling != Handling::kPinned) return false;
  return spec.check != ArgumentCheck::kBlockOption || ReadStreamOptions(request).blocks;
}

std::string_view RefusalBySeveral(const CommandSpec& spec, const Request& request) {
  if (spec.handling == Handling::kOneNode) return spec.why;
  // A filter has a sign of comparison, so a word that is this one is the option.
  const bool groups = spec.check == ArgumentCheck::kGrouping && FindWord(request, 3, "groupby") < request.size();
  return groups ? "GROUPBY would have to reduce the series of several nodes to one" : std::string_view();
}

bool WritesOtherDatabase(const CommandSpec& spec, const Request& request) {
  if (spec.name == "move") return true;
  // The two keys before it may be called DB.
  return spec.name == "copy" && FindWord(request, 3, "db") < request.size();
}

}  // namespace ringproxy::wire
