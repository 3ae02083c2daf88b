#include "tools/ringskew/analysis.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>

#include "conf/values.h"
#include "tools/ringskew/advice.h"

namespace ringproxy::ringskew {
namespace {

constexpr size_t kSampleHashes = 1 << 16;
// Fewer distinct keys than this part of all are not the estimate's error, which is 1.6 % at most.
constexpr double kRepeats = 0.93;
// Of so many keys one is looked at for a hash tag.
constexpr uint64_t kTagSample = 64;

}  // namespace

Analysis::Analysis(conf::Pool pool, AnalysisOptions options)
    : options_(std::move(options)),
      base_(pool, true),
      hot_(options_.prefix_delimiter),
      held_(pool.nodes.size()),
      rehash_(pool) {
  if (options_.change) change_.emplace(pool, *options_.change);
  for (const uint32_t virtual_nodes : options_.sweep) {
    pool.ring.virtual_nodes = virtual_nodes;
    sweep_.emplace_back(pool, false);
  }
}

void Analysis::Add(const KeySample& sample) {
  const conf::KeyHasher& hasher = base_.topology().hasher;
  if (totals_.keys++ % kTagSample == 0 && hasher.HashedPart(sample.key).size() < sample.key.size()) ++totals_.tagged;
  totals_.requests += sample.requests;
  totals_.bytes += sample.bytes;
  const uint64_t hash = hasher(sample.key);
  const uint64_t identity = ring::Hash(ring::HashAlgorithm::kXxh3, sample.key);
  hashes_[batched_] = hash;
  if (change_) change_->Hash(batched_, sample.key);
  batch_.identities[batched_] = identity;
  batch_.requests[batched_] = sample.requests;
  batch_.bytes[batched_] = sample.bytes;
  if (++batched_ == KeyBatch::kMost) Flush();
  if (sample.holder != kNoHolder) AddHeld(sample, hash);
  if (sample_hashes_.size() < kSampleHashes) sample_hashes_.push_back(hash);
  hot_.Add(sample, identity);
  rehash_.Add(sample.key, hash, sample.requests);
}

void Analysis::Flush() {
  const OwnerBatch owners = base_.Add(hashes_, batch_, batched_);
  if (change_) change_->Add(batch_, batched_, owners);
  for (Trial& trial : sweep_) trial.Add(hashes_, batch_, batched_);
  loads_.Add(std::span(hashes_).first(batched_), std::span(batch_.requests).first(batched_));
  batched_ = 0;
}

void Analysis::AddHeld(const KeySample& sample, uint64_t hash) {
  if (change_) change_->AddHeld(sample);
  held_.Add(sample, base_.topology().Owner(hash), base_.topology().pool.nodes);
}

void Analysis::AddKeys(Report& report) const {
  const std::vector<uint64_t> distinct = base_.DistinctKeys();
  const std::vector<double> weights = base_.topology().weights();
  report.keys = totals_.keys;
  // A node's keys are no other's.
  report.distinct_keys = std::accumulate(distinct.begin(), distinct.end(), uint64_t{0});
  report.keys_repeat = static_cast<double>(report.distinct_keys) < kRepeats * static_cast<double>(totals_.keys);
  report.keys_spread = ring::MeasureSpread(
      report.keys_repeat ? std::vector<double>(distinct.begin(), distinct.end()) : base_.keys(), weights);
  report.sampling_cv =
      ring::SamplingCv(report.keys_repeat ? report.distinct_keys : totals_.keys, static_cast<uint32_t>(weights.size()));
}

double Analysis::LookupNs(const ring::Ring& ring) const {
  // The quickest of a few rounds: the others were disturbed.
  constexpr int kRounds = 5;
  double least = std::numeric_limits<double>::infinity();
  uint64_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (const uint64_t hash : sample_hashes_) sum += ring.Pick(hash);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    least = std::min(least, took.count());
  }
  // The sum is used, so that the loop is not thrown away.
  return sum == UINT64_MAX ? 0 : least / static_cast<double>(std::max<size_t>(sample_hashes_.size(), 1));
}

void Analysis::AddSweep(Report& report) const {
  bool reached = false;
  for (const Trial& trial : sweep_) {
    SweepRow& row = report.sweep.emplace_back();
    const std::vector<double> weights = trial.topology().weights();
    row.virtual_nodes = trial.topology().pool.ring.virtual_nodes;
    // Lines that repeat keys are requests, and the ring's own shares say what distinct keys would find.
    const std::vector<double> keys = report.keys_repeat ? ring::RingShares(*trial.topology().ring) : trial.keys();
    row.memory_bytes = trial.topology().memory_bytes();
    row.lookup_ns = LookupNs(*trial.topology().ring);
    row.keys = ring::MeasureSpread(keys, weights);
    row.requests = ring::MeasureSpread(trial.requests(), weights);
    row.fullest_share = std::ranges::max(keys) / std::max(std::accumulate(keys.begin(), keys.end(), 0.0), 1e-9);
    row.expected_cv = ring::ExpectedCv(static_cast<uint32_t>(weights.size()), row.virtual_nodes);
    row.reaches_target = !reached && row.keys.peak_to_mean <= options_.target;
    reached = reached || row.reaches_target;
  }
}

Report Analysis::Finish(const std::string& source, bool partial) {
  Flush();
  const Topology& topology = base_.topology();
  const std::vector<double> weights = topology.weights();
  const auto nodes = static_cast<uint32_t>(weights.size());
  Report report;
  report.pool = topology.pool.name;
  report.algorithm = conf::NameOf(topology.pool.ring.algorithm);
  report.hash = conf::NameOf(conf::HashOf(topology.pool.ring));
  report.virtual_nodes = conf::VirtualNodesOf(topology.pool.ring);
  report.source = source;
  report.partial = partial;
  report.requests = totals_.requests;
  report.bytes = totals_.bytes;
  report.has_bytes = totals_.bytes > 0;
  report.target = options_.target;
  report.nodes = base_.Rows(totals_.requests);
  report.requests_spread = ring::MeasureSpread(base_.requests(), weights);
  std::vector<double> ring_shares;
  for (const NodeRow& node : report.nodes) ring_shares.push_back(node.ring_share);
  report.ring_spread = ring::MeasureSpread(ring_shares, weights);
  report.expected_cv = ring::ExpectedCv(nodes, report.virtual_nodes);
  report.expected_peak = ring::ExpectedPeak(nodes, report.virtual_nodes);
  // In this order, since each part reads figures of those before it: a hot key is one that stands out among so many
  // keys.
  AddKeys(report);
  const std::vector<HotLoad> hot = hot_.AddTo(report, base_);
  held_.AddTo(report);
  // One more, since the first key of all is looked at.
  report.tagged_share = static_cast<double>(totals_.tagged) / static_cast<double>(totals_.keys / kTagSample + 1);
  AddSweep(report);
  if (change_) report.change = change_->MakeReport(report, topology);
  Forecast forecast(topology, base_.requests(), hot, &loads_);
  forecast.SetRehashed(rehash_.Result(base_.requests()));
  AddAdvice(forecast, report);
  return report;
}

}  // namespace ringproxy::ringskew
