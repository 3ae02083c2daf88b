#include "backends/wire/memcache_cas.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::wire {

std::vector<CasTag> CasTagsOf(std::span<const uint64_t> name_hashes) {
  std::vector<size_t> by_hash(name_hashes.size());
  std::iota(by_hash.begin(), by_hash.end(), size_t{0});
  std::ranges::sort(by_hash, {}, [&](size_t node) { return name_hashes[node]; });
  std::vector<bool> is_taken(kCasTags);
  std::vector<CasTag> tags(name_hashes.size());
  for (size_t i = 0; i < by_hash.size(); ++i) {
    uint64_t number = name_hashes[by_hash[i]] % kCasTags;
    while (is_taken[number] && i < kCasTags) number = (number + 1) % kCasTags;
    is_taken[number] = true;
    tags[by_hash[i]] = MakeCasTag(number);
  }
  return tags;
}

void AppendRetagged(std::string_view token, CasTag tag, std::string* out) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc() || end != token.data() + token.size()) {
    // What is no number here is none to the node, whose own error the client then reads.
    out->append(token);
  } else {
    out->append(std::to_string(value ^ tag));
  }
}

std::string_view AppendUntaggedLine(std::string_view reply, CasTag tag, std::string* out) {
  std::string_view rest = reply;
  std::string_view line = TakeLine(&rest);
  out->append(TakeWord(&line));
  for (std::string_view word = TakeWord(&line); !word.empty(); word = TakeWord(&line)) {
    out->push_back(' ');
    // No other flag of a reply begins like this, and what VA says first is a number.
    if (word.front() == 'c') {
      out->push_back('c');
      AppendRetagged(word.substr(1), tag, out);
    } else {
      out->append(word);
    }
  }
  out->append("\r\n");
  return rest;
}

}  // namespace ringproxy::wire
