// Where the keys of a request stand. The rules are those of Redis' own key finders (db.c, getKeysFrom…).
#include <optional>

#include "backends/wire/ascii.h"
#include "backends/wire/command.h"
#include "backends/wire/integer.h"
#include "backends/wire/stream_options.h"

namespace ringproxy::wire {
namespace {

void Append(size_t position, KeyPositions* out) {
  out->push_back(static_cast<uint32_t>(position));
}

KeyResult Found(const KeyPositions& positions) {
  return positions.empty() ? KeyResult::kNoKeys : KeyResult::kOk;
}

KeyResult FindRange(const KeySpec& keys, const Request& request, KeyPositions* out) {
  const auto size = static_cast<int64_t>(request.size());
  const int64_t last = keys.last < 0 ? size + keys.last : keys.last;
  // Every key needs its whole step: an MSET with a key and no value is Redis' to refuse.
  if (keys.last < 0 && keys.step > 1 && (size - keys.first) % keys.step != 0) return KeyResult::kSyntax;
  for (int64_t i = keys.first; i <= last && i < size; i += keys.step) Append(static_cast<size_t>(i), out);
  return Found(*out);
}

KeyResult FindCounted(size_t count_position, int64_t step, const Request& request, KeyPositions* out) {
  if (count_position >= request.size()) return KeyResult::kSyntax;
  const std::optional<int64_t> count = ParseInteger(request[count_position]);
  const auto available = static_cast<int64_t>(request.size() - count_position - 1);
  // Compared by division: a count near 2^63 times the step would overflow.
  if (!count || *count < 0 || *count > available / step) return KeyResult::kSyntax;
  for (int64_t i = 0; i < *count; ++i) Append(count_position + 1 + static_cast<size_t>(i * step), out);
  return Found(*out);
}

KeyResult FindStreams(const Request& request, KeyPositions* out) {
  const size_t streams = ReadStreamOptions(request).streams;
  if (streams >= request.size()) return KeyResult::kSyntax;
  const size_t rest = request.size() - streams - 1;
  if (rest == 0 || rest % 2 != 0) return KeyResult::kSyntax;
  // As many IDs as keys follow STREAMS, the keys first.
  for (size_t key = streams + 1; key <= streams + rest / 2; ++key) Append(key, out);
  return KeyResult::kOk;
}

// `may_store`: SORT_RO takes the word STORE for a mistake, so what follows it is no key.
KeyResult FindSort(const Request& request, bool may_store, KeyPositions* out) {
  Append(1, out);
  // An option at the very end lacks its value, which is for Redis to refuse.
  std::optional<size_t> store;
  for (size_t i = 2; i + 1 < request.size(); ++i) {
    if (EqualsIgnoringCase(request[i], "limit")) {
      i += 2;
    } else if (EqualsIgnoringCase(request[i], "by") || EqualsIgnoringCase(request[i], "get")) {
      ++i;
      if (request[i].find('*') != std::string_view::npos) Append(i, out);
    } else if (may_store && EqualsIgnoringCase(request[i], "store")) {
      store = ++i;  // The last one counts.
    }
  }
  if (store) Append(*store, out);
  return KeyResult::kOk;
}

KeyResult FindGeoStore(const Request& request, KeyPositions* out) {
  Append(1, out);
  // GEORADIUSBYMEMBER has its options from here on. GEORADIUS has its unit here, which is neither of the two words.
  for (size_t i = 5; i + 1 < request.size(); ++i) {
    if (EqualsIgnoringCase(request[i], "store") || EqualsIgnoringCase(request[i], "storedist")) Append(++i, out);
  }
  return KeyResult::kOk;
}

KeyResult FindMigrate(const Request& request, KeyPositions* out) {
  if (!request[3].empty()) {
    Append(3, out);
    return KeyResult::kOk;
  }
  // The options follow host, port, key, database and timeout.
  for (size_t i = 6; i < request.size(); ++i) {
    // A password may be the word KEYS.
    if (EqualsIgnoringCase(request[i], "auth")) {
      i += 1;
    } else if (EqualsIgnoringCase(request[i], "auth2")) {
      i += 2;
    } else if (EqualsIgnoringCase(request[i], "keys")) {
      for (size_t key = i + 1; key < request.size(); ++key) Append(key, out);
      break;
    }
  }
  return out->empty() ? KeyResult::kSyntax : KeyResult::kOk;
}

}  // namespace

KeyResult FindKeys(const CommandSpec& spec, const Request& request, KeyPositions* out) {
  out->clear();
  switch (spec.keys.kind) {
    case KeyKind::kNone: return KeyResult::kNoKeys;
    case KeyKind::kOne: Append(static_cast<size_t>(spec.keys.first), out); return KeyResult::kOk;
    case KeyKind::kRange: return FindRange(spec.keys, request, out);
    case KeyKind::kCounted: return FindCounted(static_cast<size_t>(spec.keys.first), spec.keys.step, request, out);
    case KeyKind::kDestinationAndCounted: {
      const KeyResult sources = FindCounted(2, 1, request, out);
      if (sources == KeyResult::kSyntax) return sources;
      out->insert(out->begin(), 1);
      return KeyResult::kOk;
    }
    case KeyKind::kStreams: return FindStreams(request, out);
    case KeyKind::kSort: return FindSort(request, spec.access == Access::kWrite, out);
    case KeyKind::kGeoStore: return FindGeoStore(request, out);
    case KeyKind::kMigrate: return FindMigrate(request, out);
  }
  return KeyResult::kSyntax;
}

}  // namespace ringproxy::wire
