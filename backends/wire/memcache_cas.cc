#include "backends/wire/memcache_cas.h"

#include <charconv>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::wire {

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
