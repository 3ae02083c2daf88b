#include "tools/ringskew/analysis.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "conf/values.h"
#include "tools/ringskew/advice.h"

namespace ringproxy::ringskew {
namespace {

constexpr ring::NodeIndex kNoNode = std::numeric_limits<ring::NodeIndex>::max();
constexpr size_t kSampleHashes = 1 << 16;
constexpr size_t kShownHot = 20;
// Hot besides: so many times an average key.
constexpr double kHotTimesMean = 10;
// Bytes of a vnode ring's point and, on average, of its index.
constexpr uint64_t kBytesAPoint = 15;

std::vector<double> AsDouble(const std::vector<uint64_t>& values) {
  return {values.begin(), values.end()};
}

uint32_t Rounded(double requests) {
  return static_cast<uint32_t>(std::clamp(std::llround(requests), 1LL, static_cast<long long>(UINT32_MAX)));
}

}  // namespace

Analysis::Analysis(conf::Pool pool, AnalysisOptions options) : options_(std::move(options)), base_(MakeTopology(pool)) {
  if (options_.change) {
    changed_.emplace(MakeTopology(*Changed(pool, *options_.change)));
    for (const conf::Node& node : changed_->topology.pool.nodes) {
      const auto same = std::ranges::find(pool.nodes, node.name, &conf::Node::name);
      base_of_changed_.push_back(same == pool.nodes.end() ? kNoNode
                                                          : static_cast<ring::NodeIndex>(same - pool.nodes.begin()));
    }
  }
  for (const uint32_t virtual_nodes : options_.sweep) {
    pool.ring.virtual_nodes = virtual_nodes;
    sweep_.emplace_back(MakeTopology(pool));
  }
}

void Analysis::Add(const KeySample& sample) {
  ++keys_;
  requests_ += sample.requests;
  bytes_ += sample.bytes;
  const uint64_t hash = base_.topology.hasher(sample.key);
  const ring::NodeIndex owner = base_.topology.Owner(hash);
  base_.tally.Add(owner, sample);
  if (changed_) {
    // Another algorithm may hash otherwise.
    const ring::NodeIndex new_owner = changed_->topology.Owner(changed_->topology.hasher(sample.key));
    changed_->tally.Add(new_owner, sample);
    if (base_of_changed_[new_owner] != owner) {
      ++moved_keys_;
      moved_requests_ += sample.requests;
    }
  }
  for (Trial& trial : sweep_) trial.tally.Add(trial.topology.Owner(hash), sample);
  if (sample_hashes_.size() < kSampleHashes) sample_hashes_.push_back(hash);
  // Not the ring's hash, which may be narrow: keys of equal hash would be one.
  hot_keys_.Add(ring::Hash(ring::HashAlgorithm::kXxh3, sample.key), sample.key, Rounded(sample.requests));
  const size_t delimiter = sample.key.find(options_.prefix_delimiter);
  if (delimiter != std::string_view::npos) {
    const std::string_view prefix = sample.key.substr(0, delimiter + options_.prefix_delimiter.size());
    hot_prefixes_.Add(ring::Hash(ring::HashAlgorithm::kXxh3, prefix), prefix, Rounded(sample.requests));
  }
}

std::vector<NodeRow> Analysis::Rows(const Trial& trial) const {
  const std::vector<double> fair = ring::FairShares(trial.topology.weights());
  const std::vector<double> ring_shares = ring::RingShares(*trial.topology.ring);
  std::vector<NodeRow> rows;
  for (size_t i = 0; i < fair.size(); ++i) {
    const conf::Node& node = trial.topology.pool.nodes[i];
    NodeRow& row = rows.emplace_back();
    row.name = node.name;
    row.weight = node.weight;
    row.keys = trial.tally.keys[i];
    row.requests = trial.tally.requests[i];
    row.bytes = trial.tally.bytes[i];
    row.share = requests_ > 0 ? row.requests / requests_ : 0;
    row.fair_share = fair[i];
    row.ratio = row.share / row.fair_share;
    row.ring_share = ring_shares[i];
  }
  return rows;
}

void Analysis::AddHotKeys(Report& report) const {
  const double mean = requests_ / static_cast<double>(std::max<uint64_t>(keys_, 1));
  const double least = std::max(kHotShare * requests_, kHotTimesMean * mean);
  std::vector<double> rest = base_.tally.requests;
  for (const auto& hitter : hot_keys_.Top(kShownHot)) {
    const auto count = static_cast<double>(hitter.count);
    if (count < least) break;
    const ring::NodeIndex owner = base_.topology.Owner(base_.topology.hasher(hitter.key));
    rest[owner] = std::max(rest[owner] - count, 0.0);
    const double share = count / requests_;
    report.hot_keys.push_back(
        {hitter.key, base_.topology.pool.nodes[owner].name, share, CopiesNeeded(share, rest.size())});
  }
  report.without_hot_spread = ring::MeasureSpread(rest, base_.topology.weights());
  for (const auto& hitter : hot_prefixes_.Top(kShownHot)) {
    const double share = static_cast<double>(hitter.count) / requests_;
    if (share >= 0.01) report.hot_prefixes.push_back({hitter.key, "", share, 1});
  }
}

double Analysis::LeastMoved() const {
  const std::vector<double> before = ring::FairShares(base_.topology.weights());
  const std::vector<double> after = ring::FairShares(changed_->topology.weights());
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
  change.nodes = Rows(*changed_);
  change.requests = ring::MeasureSpread(changed_->tally.requests, changed_->topology.weights());
  change.moved_keys = static_cast<double>(moved_keys_) / static_cast<double>(std::max<uint64_t>(keys_, 1));
  change.moved_requests = requests_ > 0 ? moved_requests_ / requests_ : 0;
  change.least_moved = LeastMoved();
  change.extra_misses = moved_keys_;
}

double Analysis::LookupNs(const ring::Ring& ring) const {
  uint64_t sum = 0;
  const auto start = std::chrono::steady_clock::now();
  for (const uint64_t hash : sample_hashes_) sum += ring.Pick(hash);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  // The sum is used, so that the loop is not thrown away.
  return sum == UINT64_MAX ? 0 : took.count() / static_cast<double>(std::max<size_t>(sample_hashes_.size(), 1));
}

void Analysis::AddSweep(Report& report) const {
  bool reached = false;
  for (const Trial& trial : sweep_) {
    SweepRow& row = report.sweep.emplace_back();
    const std::vector<double> weights = trial.topology.weights();
    row.virtual_nodes = trial.topology.pool.ring.virtual_nodes;
    row.memory_bytes = trial.topology.points() * kBytesAPoint;
    row.lookup_ns = LookupNs(*trial.topology.ring);
    row.keys = ring::MeasureSpread(AsDouble(trial.tally.keys), weights);
    row.requests = ring::MeasureSpread(trial.tally.requests, weights);
    row.fullest_share =
        static_cast<double>(std::ranges::max(trial.tally.keys)) / static_cast<double>(std::max<uint64_t>(keys_, 1));
    row.expected_cv = ring::ExpectedCv(static_cast<uint32_t>(weights.size()), row.virtual_nodes);
    row.reaches_target = !reached && row.keys.peak_to_mean <= options_.target;
    reached = reached || row.reaches_target;
  }
}

Report Analysis::Finish(const std::string& source, bool partial) {
  const Topology& topology = base_.topology;
  const std::vector<double> weights = topology.weights();
  const auto nodes = static_cast<uint32_t>(weights.size());
  Report report;
  report.pool = topology.pool.name;
  report.algorithm = conf::NameOf(topology.pool.ring.algorithm);
  report.hash = conf::NameOf(conf::HashOf(topology.pool.ring));
  report.virtual_nodes = conf::VirtualNodesOf(topology.pool.ring);
  report.source = source;
  report.partial = partial;
  report.keys = keys_;
  report.requests = requests_;
  report.bytes = bytes_;
  report.has_bytes = bytes_ > 0;
  report.target = options_.target;
  report.nodes = Rows(base_);
  report.keys_spread = ring::MeasureSpread(AsDouble(base_.tally.keys), weights);
  report.requests_spread = ring::MeasureSpread(base_.tally.requests, weights);
  report.ring_spread = ring::MeasureSpread(ring::RingShares(*topology.ring), weights);
  report.expected_cv = ring::ExpectedCv(nodes, report.virtual_nodes);
  report.expected_peak = ring::ExpectedPeak(nodes, report.virtual_nodes);
  report.sampling_cv = ring::SamplingCv(keys_, nodes);
  AddHotKeys(report);
  AddSweep(report);
  AddChange(report);
  AddAdvice(topology.pool, report);
  return report;
}

}  // namespace ringproxy::ringskew
