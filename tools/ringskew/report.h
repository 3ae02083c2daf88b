// tools/ringskew/report.h – Everything that one analysis found, as plain data: what the renderers print.
//
// Units: shares are parts of 1, ratios are share by fair share. Requests are a key's weight in the input; 1 a key where
// the input has none. Keys are counted as they were read, one a line; of a log, in which they repeat, only how many of
// them are distinct says something, and that is an estimate (ring/distinct_counter).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ring/skew.h"

namespace ringproxy::ringskew {

struct NodeRow {
  std::string name;
  uint32_t weight = 1;
  uint64_t keys = 0;
  uint64_t distinct_keys = 0;  // About.
  double requests = 0;
  double bytes = 0;
  double share = 0;       // Of the requests.
  double fair_share = 0;  // By weight.
  double ratio = 0;
  double ring_share = 0;   // Of all possible hashes, whatever the keys.
  uint64_t misplaced = 0;  // Keys that were found on it and that the ring maps to another.
};

// What a scan found on nodes that the ring would not ask for it.
struct MisplacedReport {
  struct Example {
    std::string key;
    std::string node;  // Where it lies.
    std::string owner;
  };
  uint64_t keys = 0;
  double share = 0;  // Of the keys.
  std::vector<Example> examples;
};

// A key or a prefix with many requests.
struct HotRow {
  std::string name;
  std::string node;  // Of a key: its owner.
  double share = 0;
  uint32_t copies = 1;  // Of a key: on so many nodes it would have to lie to cost each at most half of its fair share.
};

// Why the fullest node gets more than its fair share: the excesses of all causes make its ratio less 1.
enum class Cause : uint8_t { kHotKeys, kRing, kHashTags, kHash, kWeights, kChance };

// "hot keys", "ring" …
const char* NameOf(Cause cause);

struct CauseRow {
  Cause cause = Cause::kChance;
  double excess = 0;  // In fair shares of that node; negative where it keeps load away.
};

// What could be done, and what the load would be then. The mean is that of the same requests, or of what reaches nodes.
struct CureRow {
  Cause against = Cause::kChance;
  std::string what;  // "virtual_nodes 4,096 instead of 128"
  double peak_to_mean = 0;
  double gain = 0;             // The part of today's peak/mean that is saved; 0 where it would be worse.
  double fullest_less = 0;     // The fullest node would get so much less, in parts of what the fullest gets today.
  double moved_requests = 0;   // The part that another node would get.
  double spared_requests = 0;  // The part that would reach no node.
  std::string yaml;            // Empty where it is no matter of configuration.
};

struct SweepRow {
  uint32_t virtual_nodes = 0;
  uint64_t memory_bytes = 0;
  double lookup_ns = 0;
  ring::Spread keys;  // Of an input whose keys repeat: of the ring.
  ring::Spread requests;
  double fullest_share = 0;  // Of the keys, or likewise of the ring: the largest of all nodes.
  double expected_cv = 0;
  bool reaches_target = false;  // The first that does.
};

struct ChangeReport {
  std::string what;
  std::vector<NodeRow> nodes;  // As they would become; those that leave are not among them.
  ring::Spread requests;
  double moved_keys = 0;  // Shares.
  double moved_requests = 0;
  double least_moved = 0;             // For fair shares, with any algorithm: the part that nodes have to gain.
  uint64_t extra_misses = 0;          // Each moved key misses once where it is read next.
  std::optional<uint64_t> misplaced;  // Of a scan: the keys that would lie where this ring does not look.
};

struct Report {
  std::string pool;
  std::string algorithm;
  std::string hash;
  uint32_t virtual_nodes = 0;
  std::string source;  // Where the keys came from.
  bool partial = false;
  uint64_t keys = 0;
  uint64_t distinct_keys = 0;  // About.
  bool keys_repeat = false;    // So many that it is no error of the estimate: the input is a log.
  double requests = 0;
  double bytes = 0;
  bool has_bytes = false;

  std::vector<NodeRow> nodes;
  ring::Spread keys_spread;
  ring::Spread requests_spread;
  ring::Spread ring_spread;         // Of the ring alone.
  ring::Spread without_hot_spread;  // Of the requests without the hot keys.
  double expected_cv = 0;           // Of an ideal hash with so many virtual nodes.
  double expected_peak = 0;
  double sampling_cv = 0;  // What so many keys scatter on a perfect ring.

  std::vector<HotRow> hot_keys;
  std::vector<HotRow> hot_prefixes;
  std::optional<MisplacedReport> misplaced;  // Of a scan.
  std::optional<double> tagged_share;        // Keys of which only a hash tag is hashed; unknown of a running proxy.
  double target = 0;
  std::vector<SweepRow> sweep;
  std::optional<ChangeReport> change;
  std::vector<CauseRow> causes;     // What explains most first.
  std::vector<CureRow> cures;       // Of every kind that the pool can have, in the order of the causes.
  std::vector<std::string> advice;  // Sentences.
  std::string yaml;                 // Lines to paste; empty when nothing is to be changed.
};

}  // namespace ringproxy::ringskew
