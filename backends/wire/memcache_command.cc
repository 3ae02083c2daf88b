#include "backends/wire/memcache_command.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <iterator>

namespace ringproxy::wire {
namespace {

// semantics.md 26 says which commands are answered for all nodes together, and why these cannot be.
constexpr std::string_view kOneMemcached = "it concerns one server: ask the node itself";
constexpr std::string_view kForTests = "it is for the server's own tests";
// 1.6.24 and older do not end the reply, either.
constexpr std::string_view kUnsafeSizes = "it can crash a server while it runs: start the nodes with -o track_sizes";

constexpr KeySpec kKey = {.kind = KeyKind::kOne, .first = 1, .last = 1, .step = 1};
constexpr KeySpec KeysFrom(int8_t first) {
  return {.kind = KeyKind::kRange, .first = first, .last = -1, .step = 1};
}

using enum Access;
using enum Gutter;
using enum Handling;
using enum Merge;
using enum Retry;
using enum MemcacheSyntax;

// The row with what a gutter may be asked; all others say no.
constexpr MemcacheSpec With(Gutter gutter, MemcacheSpec spec) {
  spec.command.gutter = gutter;
  return spec;
}
constexpr MemcacheSpec Storage(std::string_view name, int arity = -5, CasPlace cas = CasPlace::kNone) {
  return {.command = {.name = name, .arity = arity, .keys = kKey, .access = kWrite},
          .syntax = kStorage,
          // noreply is the one word more that the least may have behind it.
          .most_words = static_cast<uint8_t>(1 - arity),
          .quiet = Quiet::kAll,
          .cas = cas};
}
constexpr MemcacheSpec Retrieval(std::string_view name, int8_t first_key, Access access, Retry retry,
                                 CasPlace cas = CasPlace::kNone) {
  return {.command = {.name = name,
                      .arity = -(first_key + 1),
                      .keys = KeysFrom(first_key),
                      .access = access,
                      .handling = kSplit,
                      .merge = kValues,
                      .retry = retry},
          .syntax = kKeys,
          .cas = cas};
}
// One key and plain arguments.
constexpr MemcacheSpec Keyed(std::string_view name, int arity, uint8_t most_words) {
  return {.command = {.name = name, .arity = arity, .keys = kKey, .access = kWrite},
          .most_words = most_words,
          .quiet = Quiet::kAll};
}
constexpr MemcacheSpec Meta(std::string_view name, int arity, Access access, Retry retry, Quiet quiet,
                            MemcacheSyntax syntax = kMeta, CasPlace cas = CasPlace::kFlags) {
  return {.command = {.name = name, .arity = arity, .keys = kKey, .access = access, .retry = retry},
          .syntax = syntax,
          .quiet = quiet,
          .cas = cas};
}
constexpr MemcacheSpec AllNodes(std::string_view name, Access access, Merge merge, int arity = -2,
                                uint8_t most_words = 0, Quiet quiet = Quiet::kNone) {
  return {.command = {.name = name, .arity = arity, .access = access, .handling = kAllNodes, .merge = merge},
          .most_words = most_words,
          .quiet = quiet};
}
// Answered by the proxy or by any node.
constexpr MemcacheSpec Unkeyed(std::string_view name, Handling handling) {
  return {.command = {.name = name, .arity = -1, .access = kOther, .handling = handling}};
}
constexpr MemcacheSpec Refused(std::string_view name, std::string_view why = kOneMemcached) {
  return {.command = {.name = name, .arity = -1, .access = kAdmin, .handling = kRefused, .why = why},
          .quiet = Quiet::kAll};
}
// Changes how all nodes run.
constexpr MemcacheSpec Admin(std::string_view name, int arity, uint8_t most_words = 0, Quiet quiet = Quiet::kNone) {
  MemcacheSpec spec = AllNodes(name, kAdmin, kAgreed, arity, most_words, quiet);
  spec.command.check = ArgumentCheck::kNeedsAdmin;
  return spec;
}
// Lists what all nodes hold, as long as it may be.
constexpr MemcacheSpec Listing(std::string_view name, int arity, uint8_t most_words) {
  return {.command = {.name = name, .arity = arity, .access = kOther, .handling = kListing}, .most_words = most_words};
}
// Is none without one of its subcommands.
constexpr MemcacheSpec Container(std::string_view name, std::string_view usage) {
  return {.command = {.name = name, .arity = -1, .access = kAdmin, .handling = kRefused}, .usage = usage};
}

constexpr MemcacheSpec kMemcacheRows[] = {
    Storage("add"),
    Storage("append"),
    Admin("cache_memlimit", -2, 3, Quiet::kAll),
    Storage("cas", -6, CasPlace::kArgument),
    Refused("debugtime", kForTests),
    Keyed("decr", -3, 4),
    With(kAsIs, Keyed("delete", -2, 4)),
    Refused("extstore"),
    AllNodes("flush_all", kWrite, kAgreed, -1, 3, Quiet::kAll),
    // gat and gats move the expiry of what they read, so they are writes and never repeated.
    With(kExptimeAt1, Retrieval("gat", 2, kWrite, kNever)),
    Retrieval("gats", 2, kWrite, kNever, CasPlace::kValues),
    With(kAsIs, Retrieval("get", 1, kRead, kSafe)),
    Retrieval("gets", 1, kRead, kSafe, CasPlace::kValues),
    Keyed("incr", -3, 4),
    Admin("lru", -2, 0, Quiet::kAll),
    // What follows it takes no noreply: a word too many reads ERROR.
    Container("lru_crawler", "ERROR"),
    Admin("lru_crawler|crawl", -3, 3),
    Admin("lru_crawler|disable", -2, 2),
    Admin("lru_crawler|enable", -2, 2),
    Listing("lru_crawler|metadump", -3, 3),
    Listing("lru_crawler|mgdump", -3, 3),
    Admin("lru_crawler|sleep", -3, 3),
    Admin("lru_crawler|tocrawl", -3, 3),
    Meta("ma", -2, kWrite, kNever, Quiet::kDoneAndValues),
    With(kMetaDeleteFlags, Meta("md", -2, kWrite, kNever, Quiet::kDone)),
    With(kAsIs, Meta("me", -1, kRead, kSafe, Quiet::kNone, kMeta, CasPlace::kNone)),
    // mg is never asked twice: its flags may touch the item, create it or hand out the right to compute it.
    With(kMetaGetFlags, Meta("mg", -2, kRead, kNever, Quiet::kMiss)),
    Refused("misbehave", kForTests),
    Unkeyed("mn", kLocal),
    With(kMetaSetFlags, Meta("ms", -2, kWrite, kNever, Quiet::kDone, kMetaSet)),
    Storage("prepend"),
    Unkeyed("quit", kLocal),
    Refused("refresh_certs"),
    Storage("replace"),
    With(kExptimeAt3, Storage("set")),
    Refused("shutdown", "it would end all nodes at once: stop them one by one, where they run"),
    Admin("slabs", -2, 0, Quiet::kAll),
    AllNodes("stats", kOther, kStatistics, 1),
    Listing("stats|cachedump", -2, 0),
    AllNodes("stats|conns", kOther, kConnections),
    Container("stats|detail", "CLIENT_ERROR usage: stats detail on|off|dump"),
    Listing("stats|detail|dump", -3, 0),
    Admin("stats|detail|off", -3),
    Admin("stats|detail|on", -3),
    Refused("stats|extstore"),
    AllNodes("stats|items", kOther, kStatistics),
    Refused("stats|proxy"),
    AllNodes("stats|reset", kAdmin, kAgreed),
    AllNodes("stats|settings", kOther, kSettings),
    AllNodes("stats|sizes", kOther, kStatistics),
    Refused("stats|sizes_disable", kUnsafeSizes),
    Refused("stats|sizes_enable", kUnsafeSizes),
    AllNodes("stats|slabs", kOther, kStatistics),
    With(kExptimeAt2, Keyed("touch", -3, 4)),
    AllNodes("verbosity", kAdmin, kAgreed, -2, 4, Quiet::kAll),
    Unkeyed("version", kAnyNode),
    Refused("watch", "it makes a log of the connection, without end: watch the node itself"),
};
static_assert(std::ranges::adjacent_find(kMemcacheRows, std::not_fn(StandsBefore), &MemcacheSpec::command) ==
              std::end(kMemcacheRows));

constexpr auto kMemcacheCommands = [] {
  auto rows = std::to_array(kMemcacheRows);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].command.index = static_cast<uint16_t>(i);
    rows[i].has_subcommands = i + 1 < rows.size() && IsSubcommandName(rows[i + 1].command.name, rows[i].command.name);
  }
  return rows;
}();

// Names by their first eight bytes, in an open-addressing table: a lookup is done for every request.
class MemcacheNames {
 public:
  MemcacheNames() {
    for (const MemcacheSpec& spec : kMemcacheCommands) {
      size_t place = PlaceOf(spec.command.name);
      while (places_[place] != nullptr) place = (place + 1) % kPlaces;
      places_[place] = &spec;
    }
  }

  const MemcacheSpec* Find(std::string_view name) const {
    for (size_t i = PlaceOf(name); places_[i] != nullptr; i = (i + 1) % kPlaces) {
      if (places_[i]->command.name == name) return places_[i];
    }
    return nullptr;
  }

 private:
  static constexpr size_t kPlaces = 512;
  static_assert(std::size(kMemcacheCommands) < kPlaces / 4);

  static size_t PlaceOf(std::string_view name) {
    uint64_t word = 0;
    std::memcpy(&word, name.data(), std::min(name.size(), sizeof word));
    return (((word + name.size()) * 0x9e3779b97f4a7c15) >> 32) % kPlaces;
  }

  std::array<const MemcacheSpec*, kPlaces> places_{};
};

// Empty for a command that is about no item.
std::string_view MissWord(const MemcacheSpec& spec) {
  if (spec.command.keys.kind == KeyKind::kNone) return {};
  switch (spec.syntax) {
    case MemcacheSyntax::kKeys: return "END";
    case MemcacheSyntax::kStorage: return spec.cas == CasPlace::kArgument ? "NOT_FOUND" : "NOT_STORED";
    case MemcacheSyntax::kPlain: return "NOT_FOUND";
    // mg and me say EN of an item that is not there, md and ma say NF.
    case MemcacheSyntax::kMeta: return spec.quiet == Quiet::kMiss || spec.quiet == Quiet::kNone ? "EN" : "NF";
    case MemcacheSyntax::kMetaSet: return "NS";
  }
  return {};
}

}  // namespace

std::span<const MemcacheSpec> MemcacheCommands() {
  return kMemcacheCommands;
}

const MemcacheSpec* FindMemcacheCommand(std::string_view name) {
  static const MemcacheNames index;
  return index.Find(name);
}

bool AppendMiss(const MemcacheSpec& spec, const Request& request, std::string* out) {
  const std::string_view word = MissWord(spec);
  if (word.empty()) return false;
  out->append(word);
  if (spec.syntax == MemcacheSyntax::kMeta || spec.syntax == MemcacheSyntax::kMetaSet) {
    // Which request it belongs to, as the client has asked to be told.
    for (size_t i = spec.syntax == MemcacheSyntax::kMetaSet ? 3 : 2; i < request.size(); ++i) {
      const std::string_view flag = request[i];
      if (flag.front() == 'O' || flag == "b") out->append(" ").append(flag);
      if (flag == "k") out->append(" k").append(request[1]);
    }
  }
  out->append("\r\n");
  return true;
}

}  // namespace ringproxy::wire
