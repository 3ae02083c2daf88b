#include "tools/ringskew/cures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "conf/pool_ring.h"
#include "conf/values.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/rehash_trial.h"
#include "tools/ringskew/yaml_lines.h"

namespace ringproxy::ringskew {
namespace {

constexpr uint32_t kMostVirtualNodes = 16384;
// Rings of more points take seconds to try, and are even long before.
constexpr uint64_t kMostTriedPoints = uint64_t{1} << 21;
constexpr uint32_t kMostWeight = 1000;
// More of a cure is taken only for a gain of so much.
constexpr double kWorthIt = 0.01;

class Finder {
 public:
  Finder(const Forecast& forecast, const Report& report)
      : forecast_(forecast), report_(report), pool_(forecast.base().pool), weights_(forecast.base().weights()) {}

  std::vector<CureRow> Find() {
    TryCaching();
    TryCopies();
    TryVirtualNodes();
    TryOtherRing();
    TryHash();
    TryWeights();
    TryOneMoreNode();
    // What is against no cause in particular comes last.
    const auto place = [this](const CureRow& cure) {
      const auto found = std::ranges::find(report_.causes, cure.against, &CauseRow::cause);
      return cure.against == Cause::kChance ? static_cast<ptrdiff_t>(report_.causes.size()) + 1
                                            : found - report_.causes.begin();
    };
    std::ranges::stable_sort(cures_, {}, place);
    return std::move(cures_);
  }

 private:
  static double Peak(const std::vector<double>& loads, const std::vector<double>& weights) {
    return ring::MeasureSpread(loads, weights).peak_to_mean;
  }
  double Now() const { return report_.requests_spread.peak_to_mean; }
  bool Explains(Cause cause) const { return std::ranges::count(report_.causes, cause, &CauseRow::cause) > 0; }

  // `weights`: what the nodes can take, by which their loads are judged.
  CureRow& Add(Cause against, std::string what, const std::vector<double>& loads, const std::vector<double>& weights) {
    CureRow& cure = cures_.emplace_back();
    cure.against = against;
    cure.what = std::move(what);
    cure.peak_to_mean = Peak(loads, weights);
    cure.gain = std::max(1 - cure.peak_to_mean / Now(), 0.0);
    double sum = 0;
    for (const double load : loads) sum += load;
    cure.spared_requests = std::max(1 - sum / forecast_.requests(), 0.0);
    cure.fullest_less = std::max(1 - Fullest(loads, weights) / Fullest(forecast_.loads(), weights_), 0.0);
    return cure;
  }
  static double Fullest(const std::vector<double>& loads, const std::vector<double>& weights) {
    double fullest = 0;
    for (size_t i = 0; i < loads.size(); ++i) fullest = std::max(fullest, loads[i] / weights[i]);
    return fullest;
  }

  // Where the target is reached without, more is wanted.
  bool Reaches(double peak) const { return peak <= report_.target && Now() > report_.target; }

  // How many of the hottest keys to treat: the fewest that reach the target, or as good as what most would give.
  size_t Enough(const std::function<double(size_t)>& peak) const {
    std::vector<double> peaks;
    for (size_t count = 1; count <= forecast_.hot().size(); ++count) {
      peaks.push_back(peak(count));
      if (Reaches(peaks.back())) return count;
    }
    const double good = std::ranges::min(peaks) * (1 + kWorthIt);
    return static_cast<size_t>(std::ranges::find_if(peaks, [&](double p) { return p <= good; }) - peaks.begin()) + 1;
  }

  void TryCaching() {
    if (forecast_.hot().empty()) return;
    const size_t count = Enough([this](size_t n) { return Peak(forecast_.WithoutHottest(n), weights_); });
    Add(Cause::kHotKeys, "cache the " + HottestKeys(count) + " in the clients", forecast_.WithoutHottest(count),
        weights_);
  }

  void TryCopies() {
    if (forecast_.hot().empty()) return;
    std::optional<std::pair<size_t, uint32_t>> best;
    double best_peak = 0;
    for (const uint32_t copies : {2U, 4U, 8U, 16U}) {
      const auto peak = [&](size_t n) { return Peak(forecast_.WithCopies(n, copies), weights_); };
      const size_t count = Enough(peak);
      const double found = peak(count);
      if (best && found >= best_peak * (1 - kWorthIt)) continue;
      best = {count, copies};
      best_peak = found;
      if (Reaches(found)) break;
    }
    const auto [count, copies] = *best;
    Add(Cause::kHotKeys,
        "keep the " + HottestKeys(count) + " in " + std::to_string(copies) + " copies (KEY#1 to KEY#" +
            std::to_string(copies) + "), each read by chance",
        forecast_.WithCopies(count, copies), weights_);
  }
  static std::string HottestKeys(size_t count) {
    return count == 1 ? "hottest key" : std::to_string(count) + " hottest keys";
  }

  // Adds what the changed pool would give, judged by what its nodes can take; nothing if it cannot be made.
  CureRow* AddPool(Cause against, std::string what, const conf::Pool& pool, const std::vector<double>& weights) {
    if (WhyNoRing(pool)) return nullptr;
    const Forecast::Outcome outcome = forecast_.On(pool);
    CureRow& cure = Add(against, std::move(what), outcome.loads, weights);
    cure.moved_requests = outcome.moved;
    return &cure;
  }

  // A number of virtual nodes, and the peak/mean that it would give.
  struct Number {
    uint32_t virtual_nodes;
    double peak;
  };
  conf::Pool WithVirtualNodes(uint32_t virtual_nodes) const {
    conf::Pool pool = pool_;
    pool.ring.virtual_nodes = virtual_nodes;
    return pool;
  }
  double RingPeak(uint32_t virtual_nodes) const {
    return Peak(ring::RingShares(*MakeTopology(WithVirtualNodes(virtual_nodes)).ring), weights_);
  }

  // The fewest virtual nodes whose ring is even enough for any keys, and for these too; else what is best for these.
  std::optional<uint32_t> EnoughVirtualNodes() const {
    const uint32_t now = conf::VirtualNodesOf(pool_.ring);
    uint32_t v = 16;
    while (v <= now) v *= 2;
    std::vector<Number> tried;
    for (; v <= kMostVirtualNodes; v *= 2) {
      const conf::Pool pool = WithVirtualNodes(v);
      // Heavy nodes and many: more points than a ring may have, or than are tried.
      if (WhyNoRing(pool) || PointsOf(pool) > kMostTriedPoints) break;
      tried.push_back({v, Peak(forecast_.On(pool).loads, weights_)});
      // With these very names and keys a number may be better or worse than the average, and a later one worse.
      if (Reaches(tried.back().peak) && RingPeak(v) <= report_.target) return v;
    }
    if (tried.empty()) return std::nullopt;
    const double good = std::ranges::min(tried, {}, &Number::peak).peak * (1 + kWorthIt);
    return std::ranges::find_if(tried, [&](const Number& number) { return number.peak <= good; })->virtual_nodes;
  }

  void TryVirtualNodes() {
    if (!HasVirtualNodes(pool_.ring.algorithm)) return;
    const std::optional<uint32_t> enough = EnoughVirtualNodes();
    if (!enough) return;
    const std::string what = "set virtual_nodes to " + Grouped(*enough) + " instead of " +
                             Grouped(conf::VirtualNodesOf(pool_.ring)) + " (the ring alone " +
                             Fixed(RingPeak(*enough), 2) + " instead of " + Fixed(report_.ring_spread.peak_to_mean, 2) +
                             ")";
    CureRow* const cure = AddPool(Cause::kRing, what, WithVirtualNodes(*enough), weights_);
    if (cure != nullptr) cure->yaml = RingLines(pool_, "virtual_nodes: " + std::to_string(*enough));
  }

  // A ring that has no virtual nodes is uneven by its nature, as modula is with weights.
  void TryOtherRing() {
    const ring::Algorithm algorithm = pool_.ring.algorithm;
    if (HasVirtualNodes(algorithm) || algorithm == ring::Algorithm::kSlots) return;
    conf::Pool pool = pool_;
    pool.ring.algorithm = ring::Algorithm::kVnode;
    pool.ring.virtual_nodes = 0;
    CureRow* const cure = AddPool(
        Cause::kRing, "set algorithm to vnode instead of " + std::string(conf::NameOf(algorithm)), pool, weights_);
    if (cure != nullptr) cure->yaml = RingLines(pool_, "algorithm: vnode");
  }

  void TryHash() {
    conf::Pool pool = pool_;
    if (Explains(Cause::kHashTags)) {
      pool.ring.hash_tag.clear();
      CureRow* const cure = AddPool(
          Cause::kHashTags, "set hash_tag to \"\", where no command needs a group's keys together", pool, weights_);
      if (cure != nullptr) cure->yaml = RingLines(pool_, "hash_tag: \"\"");
    }
    if (!Explains(Cause::kHash)) return;
    pool.ring.hash = BetterHash(pool_.ring);
    if (pool.ring.hash == conf::HashOf(pool_.ring)) return;
    const std::string better(conf::NameOf(pool.ring.hash));
    CureRow* const cure =
        AddPool(Cause::kHash, "set hash to " + better + " instead of " + report_.hash, pool, weights_);
    if (cure != nullptr) cure->yaml = RingLines(pool_, "hash: " + better);
  }

  // Into how many steps a weight is cut. A vnode ring's weights are absolute: steps that divide its virtual nodes leave
  // a node that keeps its weight all its points.
  uint32_t WeightSteps() const {
    constexpr uint32_t kFinest = 64, kCoarsest = 8;
    const uint32_t heaviest = std::ranges::max(pool_.nodes, {}, &conf::Node::weight).weight;
    const uint32_t most = std::min(kFinest, kMostWeight / (2 * heaviest));
    if (pool_.ring.algorithm != ring::Algorithm::kVnode) return most;
    const uint32_t virtual_nodes = conf::VirtualNodesOf(pool_.ring);
    for (uint32_t steps = most; steps >= kCoarsest; --steps) {
      if (virtual_nodes % steps == 0) return steps;
    }
    return std::min({most, virtual_nodes, kCoarsest + 2});
  }

  conf::Pool WithWeights(const std::vector<double>& wanted, uint32_t steps) const {
    conf::Pool pool = pool_;
    for (size_t i = 0; i < wanted.size(); ++i) {
      pool.nodes[i].weight = static_cast<uint32_t>(std::clamp(std::llround(wanted[i] * steps), 1LL, 1LL * kMostWeight));
    }
    if (pool.ring.algorithm == ring::Algorithm::kVnode) {
      pool.ring.virtual_nodes = std::max(conf::VirtualNodesOf(pool_.ring) / steps, 1U);
    }
    return pool;
  }

  void TryWeights() {
    const ring::Algorithm algorithm = pool_.ring.algorithm;
    const bool has_weights = HasVirtualNodes(algorithm) || algorithm == ring::Algorithm::kMaglev ||
                             algorithm == ring::Algorithm::kRendezvous;
    const uint32_t steps = has_weights && pool_.nodes.size() > 1 ? WeightSteps() : 0;
    if (steps < 2) return;
    constexpr int kRounds = 5;
    const std::vector<double> fair = ring::FairShares(weights_);
    std::vector<double> wanted = weights_;
    std::optional<CureRow> best;
    for (int round = 0; round < kRounds; ++round) {
      const conf::Pool pool = WithWeights(wanted, steps);
      if (WhyNoRing(pool)) return;
      const Forecast::Outcome outcome = forecast_.On(pool);
      if (round > 0 && (!best || Peak(outcome.loads, weights_) < best->peak_to_mean)) {
        // Weights are a wish here and not what a node can take: loads are judged by the weights that are.
        CureRow& cure = Add(Cause::kWeights, "reweight the nodes", outcome.loads, weights_);
        cure.moved_requests = outcome.moved;
        cure.yaml = WeightLines(pool);
        best = std::move(cure);
        cures_.pop_back();
      }
      for (size_t i = 0; i < wanted.size(); ++i) {
        const double ratio = outcome.loads[i] / forecast_.requests() / fair[i];
        // None goes beyond half or twice: a lump of keys moves as a whole.
        wanted[i] = std::clamp(wanted[i] / std::clamp(ratio, 0.5, 2.0), weights_[i] / 2, weights_[i] * 2);
      }
    }
    if (best) cures_.push_back(*std::move(best));
  }

  void TryOneMoreNode() {
    if (pool_.ring.algorithm == ring::Algorithm::kSlots) return;
    conf::Pool pool = pool_;
    conf::Node node;
    node.name = "new";
    while (std::ranges::count(pool.nodes, node.name, &conf::Node::name) > 0) node.name += "1";
    node.weight = std::ranges::min(pool.nodes, {}, &conf::Node::weight).weight;
    pool.nodes.push_back(node);
    std::vector<double> weights = weights_;
    weights.push_back(node.weight);
    const std::string of_weight = node.weight == 1 ? "" : " of weight " + std::to_string(node.weight);
    AddPool(Cause::kChance, "add a node" + of_weight + " called " + node.name, pool, weights);
  }

  const Forecast& forecast_;
  const Report& report_;
  const conf::Pool& pool_;
  const std::vector<double> weights_;
  std::vector<CureRow> cures_;
};

}  // namespace

std::vector<CureRow> FindCures(const Forecast& forecast, const Report& report) {
  return forecast.requests() > 0 ? Finder(forecast, report).Find() : std::vector<CureRow>();
}

}  // namespace ringproxy::ringskew
