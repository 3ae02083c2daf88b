#include "tools/ringskew/analysis.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "conf/values.h"
#include "tools/ringskew/advice.h"

namespace ringproxy::ringskew {
namespace {

constexpr ring::NodeIndex kNoNode = std::numeric_limits<ring::NodeIndex>::max();
constexpr size_t kSampleHashes = 1 << 16;
constexpr size_t kShownHot = 20;
// Hot besides: so many times an average key.
constexpr double kHotTimesMean = 10;
// Fewer distinct keys than this part of all are not the estimate's error, which is 1.6 % at most.
constexpr double kRepeats = 0.93;
constexpr size_t kMisplacedExamples = 5;
// Of so many keys one is looked at for a hash tag.
constexpr uint64_t kTagSample = 64;

uint32_t Rounded(double requests) {
  return static_cast<uint32_t>(std::clamp(std::llround(requests), 1LL, static_cast<long long>(UINT32_MAX)));
}

// A node's keys are no other's, so their sum is all of them.
uint64_t Sum(const std::vector<uint64_t>& keys) {
  return std::accumulate(keys.begin(), keys.end(), uint64_t{0});
}

}  // namespace

Analysis::Analysis(conf::Pool pool, AnalysisOptions options)
    : options_(std::move(options)), base_(pool, true), misplaced_(pool.nodes.size()) {
  if (options_.change) {
    changed_.emplace(*Changed(pool, *options_.change), true);
    for (const conf::Node& node : changed_->topology().pool.nodes) {
      const auto same = std::ranges::find(pool.nodes, node.name, &conf::Node::name);
      base_of_changed_.push_back(same == pool.nodes.end() ? kNoNode
                                                          : static_cast<ring::NodeIndex>(same - pool.nodes.begin()));
    }
  }
  for (const uint32_t virtual_nodes : options_.sweep) {
    pool.ring.virtual_nodes = virtual_nodes;
    sweep_.emplace_back(pool, false);
  }
}

void Analysis::Add(const KeySample& sample) {
  const conf::KeyHasher& hasher = base_.topology().hasher;
  if (keys_++ % kTagSample == 0 && hasher.HashedPart(sample.key).size() < sample.key.size()) ++tagged_;
  requests_ += sample.requests;
  bytes_ += sample.bytes;
  const uint64_t hash = hasher(sample.key);
  const uint64_t identity = ring::Hash(ring::HashAlgorithm::kXxh3, sample.key);
  hashes_[batched_] = hash;
  // Another algorithm may hash otherwise.
  if (changed_) changed_hashes_[batched_] = ChangedHash(sample);
  batch_.identities[batched_] = identity;
  batch_.requests[batched_] = sample.requests;
  batch_.bytes[batched_] = sample.bytes;
  if (++batched_ == KeyBatch::kMost) Flush();
  if (sample.holder != kNoHolder) AddHeld(sample, hash);
  if (sample_hashes_.size() < kSampleHashes) sample_hashes_.push_back(hash);
  hot_keys_.Add(identity, sample.key, Rounded(sample.requests));
  const size_t delimiter = sample.key.find(options_.prefix_delimiter);
  if (delimiter != std::string_view::npos) {
    const std::string_view prefix = sample.key.substr(0, delimiter + options_.prefix_delimiter.size());
    hot_prefixes_.Add(ring::Hash(ring::HashAlgorithm::kXxh3, prefix), prefix, Rounded(sample.requests));
  }
}

void Analysis::Flush() {
  const OwnerBatch owners = base_.Add(hashes_, batch_, batched_);
  if (changed_) CountMoved(owners, changed_->Add(changed_hashes_, batch_, batched_));
  for (Trial& trial : sweep_) trial.Add(hashes_, batch_, batched_);
  batched_ = 0;
}

void Analysis::CountMoved(const OwnerBatch& before, const OwnerBatch& after) {
  for (size_t i = 0; i < batched_; ++i) {
    if (base_of_changed_[after[i]] == before[i]) continue;
    ++moved_keys_;
    moved_distinct_.Add(batch_.identities[i]);
    moved_requests_ += batch_.requests[i];
  }
}

void Analysis::AddHeld(const KeySample& sample, uint64_t hash) {
  ++held_keys_;
  if (changed_ && base_of_changed_[changed_->topology().Owner(ChangedHash(sample))] != sample.holder) {
    ++misplaced_after_;
  }
  const ring::NodeIndex owner = base_.topology().Owner(hash);
  if (owner == sample.holder) return;
  ++misplaced_[sample.holder];
  if (examples_.size() == kMisplacedExamples) return;
  const auto& nodes = base_.topology().pool.nodes;
  examples_.push_back({std::string(sample.key), nodes[sample.holder].name, nodes[owner].name});
}

void Analysis::AddKeys(Report& report) const {
  const std::vector<uint64_t> distinct = base_.DistinctKeys();
  const std::vector<double> weights = base_.topology().weights();
  report.keys = keys_;
  report.distinct_keys = Sum(distinct);
  report.keys_repeat = static_cast<double>(report.distinct_keys) < kRepeats * static_cast<double>(keys_);
  report.keys_spread = ring::MeasureSpread(
      report.keys_repeat ? std::vector<double>(distinct.begin(), distinct.end()) : base_.keys(), weights);
  report.sampling_cv =
      ring::SamplingCv(report.keys_repeat ? report.distinct_keys : keys_, static_cast<uint32_t>(weights.size()));
}

void Analysis::AddHotKeys(Report& report) const {
  const uint64_t keys = report.keys_repeat ? report.distinct_keys : keys_;
  const double mean = requests_ / static_cast<double>(std::max<uint64_t>(keys, 1));
  const double least = std::max(kHotShare * requests_, kHotTimesMean * mean);
  std::vector<double> rest = base_.requests();
  for (const auto& hitter : hot_keys_.Top(kShownHot)) {
    const auto count = static_cast<double>(hitter.count);
    if (count < least) break;
    const ring::NodeIndex owner = base_.topology().Owner(base_.topology().hasher(hitter.key));
    rest[owner] = std::max(rest[owner] - count, 0.0);
    const double share = count / requests_;
    report.hot_keys.push_back(
        {hitter.key, base_.topology().pool.nodes[owner].name, share, CopiesNeeded(share, rest.size())});
  }
  report.without_hot_spread = ring::MeasureSpread(rest, base_.topology().weights());
  for (const auto& hitter : hot_prefixes_.Top(kShownHot)) {
    const double share = static_cast<double>(hitter.count) / requests_;
    if (share >= 0.01) report.hot_prefixes.push_back({hitter.key, "", share, 1});
  }
}

void Analysis::AddMisplaced(Report& report) const {
  if (held_keys_ == 0) return;
  for (size_t i = 0; i < misplaced_.size(); ++i) report.nodes[i].misplaced = misplaced_[i];
  const uint64_t all = Sum(misplaced_);
  report.misplaced = {all, static_cast<double>(all) / static_cast<double>(held_keys_), examples_};
}

double Analysis::LeastMoved() const {
  const std::vector<double> before = ring::FairShares(base_.topology().weights());
  const std::vector<double> after = ring::FairShares(changed_->topology().weights());
  double gained = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    const ring::NodeIndex old = base_of_changed_[i];
    gained += std::max(after[i] - (old == kNoNode ? 0 : before[old]), 0.0);
  }
  return gained;
}

void Analysis::AddChange(Report& report) const {
  if (!changed_) return;
  ChangeReport& change = report.change.emplace();
  change.what = options_.change->ToString();
  change.nodes = changed_->Rows(requests_);
  change.requests = ring::MeasureSpread(changed_->requests(), changed_->topology().weights());
  const uint64_t all = report.keys_repeat ? report.distinct_keys : keys_;
  change.extra_misses =
      report.keys_repeat ? static_cast<uint64_t>(std::llround(moved_distinct_.Estimate())) : moved_keys_;
  change.moved_keys =
      std::min(static_cast<double>(change.extra_misses) / static_cast<double>(std::max<uint64_t>(all, 1)), 1.0);
  change.moved_requests = requests_ > 0 ? moved_requests_ / requests_ : 0;
  change.least_moved = LeastMoved();
  if (held_keys_ > 0) change.misplaced = misplaced_after_;
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
  report.requests = requests_;
  report.bytes = bytes_;
  report.has_bytes = bytes_ > 0;
  report.target = options_.target;
  report.nodes = base_.Rows(requests_);
  report.requests_spread = ring::MeasureSpread(base_.requests(), weights);
  std::vector<double> ring_shares;
  for (const NodeRow& node : report.nodes) ring_shares.push_back(node.ring_share);
  report.ring_spread = ring::MeasureSpread(ring_shares, weights);
  report.expected_cv = ring::ExpectedCv(nodes, report.virtual_nodes);
  report.expected_peak = ring::ExpectedPeak(nodes, report.virtual_nodes);
  AddKeys(report);
  AddHotKeys(report);
  AddMisplaced(report);
  report.tagged_share = static_cast<double>(tagged_) / static_cast<double>(keys_ / kTagSample + 1);
  AddSweep(report);
  AddChange(report);
  AddAdvice(topology.pool, report);
  return report;
}

}  // namespace ringproxy::ringskew
