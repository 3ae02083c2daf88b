#include "tools/ringskew/trial.h"

#include <cmath>

#include "ring/skew.h"

namespace ringproxy::ringskew {

Trial::Trial(conf::Pool pool, bool counts_distinct)
    : topology_(MakeTopology(std::move(pool))),
      keys_(topology_.pool.nodes.size()),
      requests_(keys_.size()),
      bytes_(keys_.size()),
      distinct_(counts_distinct ? keys_.size() : 0) {}

OwnerBatch Trial::Add(const HashBatch& hashes, const KeyBatch& keys, size_t size) {
  OwnerBatch owners;
  // A loop of its own: nothing between two lookups that the second would wait for.
  for (size_t i = 0; i < size; ++i) owners[i] = topology_.Owner(hashes[i]);
  for (size_t i = 0; i < size; ++i) {
    ++keys_[owners[i]];
    requests_[owners[i]] += keys.requests[i];
    bytes_[owners[i]] += keys.bytes[i];
  }
  if (distinct_.empty()) return owners;
  for (size_t i = 0; i < size; ++i) distinct_[owners[i]].Add(keys.identities[i]);
  return owners;
}

std::vector<uint64_t> Trial::DistinctKeys() const {
  std::vector<uint64_t> keys;
  for (const ring::DistinctCounter& counter : distinct_) {
    keys.push_back(static_cast<uint64_t>(std::llround(counter.Estimate())));
  }
  return keys;
}

std::vector<NodeRow> Trial::Rows(double all_requests) const {
  const std::vector<double> fair = ring::FairShares(topology_.weights());
  const std::vector<double> ring_shares = ring::RingShares(*topology_.ring);
  const std::vector<uint64_t> distinct = DistinctKeys();
  std::vector<NodeRow> rows;
  for (size_t i = 0; i < fair.size(); ++i) {
    const conf::Node& node = topology_.pool.nodes[i];
    NodeRow& row = rows.emplace_back();
    row.name = node.name;
    row.weight = node.weight;
    row.keys = keys_[i];
    row.distinct_keys = distinct[i];
    row.requests = requests_[i];
    row.bytes = bytes_[i];
    row.share = all_requests > 0 ? row.requests / all_requests : 0;
    row.fair_share = fair[i];
    row.ratio = row.share / row.fair_share;
    row.ring_share = ring_shares[i];
  }
  return rows;
}

}  // namespace ringproxy::ringskew
