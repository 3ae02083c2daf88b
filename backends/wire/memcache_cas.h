// backends/wire/memcache_cas.h – Tokens of compare-and-swap that belong to the node that gave them (semantics.md 24).
//
// Every node counts its tokens for itself, from 1 on. When a key's owner changes, a token of the old one may equal that
// of an unrelated item on the new one, and a cas would overwrite what its client has never seen. So the proxy mixes a
// tag of the node into each token on its way to the client and out of it on its way back: on any other node the
// result matches nothing, and the client reads EXISTS, as if somebody else had been faster.
// Tags stand above bit 40 of a token and below bit 53: counters do not reach so far, and clients that keep every number
// as a double (2^53 is the largest that such a one holds exactly) give a token back as they got it. So few bits are
// enough since the nodes of a pool share none of their tags.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::wire {

using CasTag = uint64_t;

inline constexpr uint64_t kCasTags = 1 << 13;

constexpr CasTag MakeCasTag(uint64_t number) {
  return number % kCasTags << 40;
}

// The tags of a pool's nodes, each another's than all before it as long as there are no more than kCasTags.
// `name_hashes`: any good hash of their names; the order does not matter, so every proxy of a fleet makes the same.
std::vector<CasTag> CasTagsOf(std::span<const uint64_t> name_hashes);

// Appends `token` with the tag put in or taken out, which is the same; anything but a number stays as it is.
void AppendRetagged(std::string_view token, CasTag tag, std::string* out);

// Appends the line of a meta command's reply with its flag c as the client is to read it; returns the rest of the
// reply, the data block, to be passed on as it is.
std::string_view AppendUntaggedLine(std::string_view reply, CasTag tag, std::string* out);

}  // namespace ringproxy::wire
