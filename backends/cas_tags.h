// backends/cas_tags.h – The tags of a pool's nodes, which make their cas tokens their own: see wire/memcache_cas.h.
//
// Threads: a pure function.
#pragma once

#include <vector>

#include "backends/wire/memcache_cas.h"
#include "conf/config.h"
#include "ring/hash.h"

namespace ringproxy::backends {

// By the names alone, so that every proxy of a fleet makes the same tokens of a node's (semantics.md 24).
inline std::vector<wire::CasTag> CasTagsOf(const conf::Pool& pool) {
  std::vector<uint64_t> name_hashes;
  for (const conf::Node& node : pool.nodes) name_hashes.push_back(ring::Hash(ring::HashAlgorithm::kXxh3, node.name));
  return wire::CasTagsOf(name_hashes);
}

}  // namespace ringproxy::backends
