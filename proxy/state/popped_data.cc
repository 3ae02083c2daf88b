#include "proxy/state/popped_data.h"

#include <algorithm>
#include <optional>

#include "backends/wire/ascii.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

// Behind the keys of BLMPOP.
bool TakesFromRight(const wire::CommandSpec& spec, const wire::Request& request) {
  wire::KeyPositions keys;
  if (wire::FindKeys(spec, request, &keys) != wire::KeyResult::kOk || keys.empty()) return false;
  const size_t at = keys.back() + size_t{1};
  return at < request.size() && wire::EqualsIgnoringCase(request[at], "right");
}

// A string, or a number of RESP3.
std::optional<std::string_view> TextOf(std::string_view reply) {
  constexpr size_t kLineEnd = 2;
  if (reply.starts_with(',')) return reply.substr(1, reply.size() - 1 - kLineEnd);
  return wire::BulkReply(reply);
}

// BZMPOP's pairs stand in an array of the reply's second element. A node may nest as deep as it likes.
constexpr int kMostDepth = 3;

// All that stands in the array, and in arrays within it.
bool AppendTexts(std::string_view reply, int depth, std::vector<std::string_view>* texts) {
  wire::ArrayReader reader(reply);
  if (!reader.is_array()) {
    const auto text = TextOf(reply);
    if (text) texts->push_back(*text);
    return text.has_value();
  }
  if (depth == kMostDepth) return false;
  while (reader.remaining() > 0) {
    if (!AppendTexts(reader.Next(), depth + 1, texts)) return false;
  }
  return true;
}

}  // namespace

PoppedFrom PoppedFromOf(const wire::CommandSpec& spec, const wire::Request& request) {
  if (spec.name == "blpop") return PoppedFrom::kLeft;
  if (spec.name == "brpop") return PoppedFrom::kRight;
  if (spec.name == "blmpop") return TakesFromRight(spec, request) ? PoppedFrom::kRight : PoppedFrom::kLeft;
  const bool is_sorted_set = spec.name == "bzpopmin" || spec.name == "bzpopmax" || spec.name == "bzmpop";
  return is_sorted_set ? PoppedFrom::kSortedSet : PoppedFrom::kNone;
}

bool HasPopped(PoppedFrom from, std::string_view reply) {
  return from != PoppedFrom::kNone && !wire::IsNil(reply) && !wire::IsError(reply);
}

std::vector<std::string_view> GiveBackWords(PoppedFrom from, std::string_view reply) {
  // The key, and what it had.
  std::vector<std::string_view> texts;
  const bool is_pair = from == PoppedFrom::kSortedSet;
  const bool is_whole = wire::ArrayReader(reply).is_array() && AppendTexts(reply, 0, &texts);
  if (!is_whole || texts.size() < (is_pair ? 3 : 2) || (is_pair && texts.size() % 2 == 0)) return {};
  if (!is_pair) {
    // The last one was the innermost.
    std::reverse(texts.begin() + 1, texts.end());
    texts.insert(texts.begin(), from == PoppedFrom::kLeft ? "LPUSH" : "RPUSH");
    return texts;
  }
  // A member and its score; ZADD has the score first.
  for (size_t i = 1; i + 1 < texts.size(); i += 2) std::swap(texts[i], texts[i + 1]);
  texts.insert(texts.begin() + 1, "NX");
  texts.insert(texts.begin(), "ZADD");
  return texts;
}

}  // namespace ringproxy::proxy
