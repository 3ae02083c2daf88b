// tools/ringskew/scan.h – The keys that a pool's nodes hold: SCAN of Redis, lru_crawler metadump of memcached.
//
// Bytes: MEMORY USAGE of every hundredth key stands for the hundred of them (Redis); the item's size (memcached).
// Threads: one.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "tools/ringskew/key_source.h"

namespace ringproxy::ringskew {

// Visits every key of every node, each with its holder. Returns a line for each node that could not be read (to its
// end).
std::vector<std::string> ScanNodes(const conf::Pool& pool, const KeyVisitor& visit, const Progress& progress);

}  // namespace ringproxy::ringskew
