#include "tools/ringskew/advice.h"

#include <algorithm>
#include <cmath>

#include "conf/values.h"
#include "tools/ringskew/cures.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

constexpr size_t kMostHotKeys = 3;
// Nothing is changed for less of the peak/mean.
constexpr double kLeastGain = 0.02;
// Cures that differ by less are equally good.
constexpr double kAsGood = 0.02;
// In fair shares: what explains less is not spoken of.
constexpr double kLeastExcess = 0.005;
// A change of the ring is offered beside another cure if it gains so much of what that one does.
constexpr double kWorthMoving = 0.5;
constexpr size_t kLongestName = 100;

std::string Name(const std::string& name) {
  return ShownName(name, kLongestName);
}

void AdviseMisplaced(Report& report) {
  if (!report.misplaced || report.misplaced->keys == 0) return;
  double unrelated = 1;  // What a ring that knows nothing of the nodes' contents would find misplaced.
  std::string where;
  for (const NodeRow& node : report.nodes) {
    unrelated -= node.ring_share * node.ring_share;
    if (node.misplaced > 0) where += (where.empty() ? "" : ", ") + Grouped(node.misplaced) + " on " + Name(node.name);
  }
  std::string text = Grouped(report.misplaced->keys) + " keys (" + Percent(report.misplaced->share) +
                     " of those that were read) lie on a node that the ring does not map them to, where no request "
                     "finds them: " +
                     where + ". ";
  // A fifth less is left for chance and for keys that were written since.
  text += report.misplaced->share > 0.8 * unrelated
              ? "So many are left by an unrelated ring: they were written with another algorithm, another hash or "
                "other names of the nodes. Try those as a what-if before the proxy serves these nodes."
              : "They were written before a change of the ring, or past the proxy. In a cache they expire; in a store "
                "move them to their owners.";
  report.advice.push_back(std::move(text));
}

bool Gains(const CureRow& cure) {
  return cure.gain > kLeastGain;
}

// The one thing to do; nullptr if nothing gains enough. What explains most is cured where that is as good as anything.
const CureRow* AnswerOf(const Report& report) {
  const CureRow* best = nullptr;
  const CureRow* gentlest = nullptr;  // Of those that reach the target: it moves least.
  for (const CureRow& cure : report.cures) {
    if (!Gains(cure)) continue;
    if (best == nullptr || cure.peak_to_mean < best->peak_to_mean) best = &cure;
    if (cure.peak_to_mean > report.target) continue;
    if (gentlest == nullptr || cure.moved_requests < gentlest->moved_requests) gentlest = &cure;
  }
  if (best == nullptr) return nullptr;
  for (const CauseRow& cause : report.causes) {
    if (cause.excess < kLeastExcess) break;
    for (const CureRow& cure : report.cures) {
      const bool as_good =
          cure.peak_to_mean <= report.target || cure.peak_to_mean <= best->peak_to_mean * (1 + kAsGood);
      if (cure.against == cause.cause && Gains(cure) && as_good) return &cure;
    }
  }
  return gentlest != nullptr ? gentlest : best;
}

std::string Capital(std::string text) {
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string PeakText(double peak) {
  return Fixed(peak, 2);
}

std::string CureText(const CureRow& cure, const Report& report) {
  std::string text =
      "peak/mean " + PeakText(cure.peak_to_mean) + " instead of " + PeakText(report.requests_spread.peak_to_mean);
  if (cure.gain < kLeastGain / 2) text += ", which gains nothing";
  // Sums of parts are off by their rounding.
  constexpr double kLeastShown = 0.00005;
  if (cure.moved_requests > kLeastShown)
    text += "; " + Percent(cure.moved_requests) + " of the requests go to another node";
  if (cure.spared_requests > kLeastShown)
    text += "; " + Percent(cure.spared_requests) + " of the requests reach no node";
  if (cure.fullest_less > kLeastShown) text += "; the fullest node gets " + Percent(cure.fullest_less) + " less";
  return text + ".";
}

// "0.16 by hot keys, 0.08 by the ring"
std::string CausesText(const Report& report) {
  std::string more;
  std::string less;
  for (const CauseRow& cause : report.causes) {
    if (std::abs(cause.excess) < kLeastExcess) continue;
    std::string& text = cause.excess > 0 ? more : less;
    const bool is_ring = cause.cause == Cause::kRing;
    const std::string by = cause.cause == Cause::kWeights ? "keys that are asked for more than others"
                                                          : (is_ring ? "the " : "") + std::string(NameOf(cause.cause));
    text += (text.empty() ? "" : ", ") + Fixed(std::abs(cause.excess), 2) + " by " + by;
  }
  if (!less.empty()) more += (more.empty() ? "" : "; ") + ("less " + less);
  return more;
}

// The first sentence of all that is said of the load: which node has how much, and why.
void AdviseWhy(Report& report) {
  const auto fullest = std::ranges::max_element(report.nodes, {}, &NodeRow::ratio);
  const std::string causes = CausesText(report);
  report.advice.push_back("Node " + Name(fullest->name) + " gets " + PeakText(fullest->ratio) +
                          " times its fair share" + (causes.empty() ? "." : "; what explains it: " + causes + "."));
}

void AdviseHotKeys(const Forecast& forecast, Report& report) {
  if (forecast.hot().empty()) return;
  const auto fullest = std::ranges::max_element(report.nodes, {}, &NodeRow::ratio);
  const auto node = static_cast<ring::NodeIndex>(fullest - report.nodes.begin());
  const size_t count = forecast.hot().size();
  report.advice.push_back(
      (count == 1 ? "1 hot key makes " : std::to_string(count) + " hot keys make ") +
      Percent(forecast.hot_requests() / forecast.requests()) + " of the requests, and node " + Name(fullest->name) +
      " has " + Percent(forecast.hot_requests_on(node) / forecast.requests()) + "; the hottest is " +
      Name(forecast.hot()[0].key) + " with " + Percent(forecast.hot()[0].requests / forecast.requests()) + ".");
  const auto nodes = static_cast<double>(report.nodes.size());
  size_t advised = 0;
  for (const HotRow& hot : report.hot_keys) {
    // CopiesNeeded says one for such a key, which is no advice.
    if (hot.share * nodes <= 0.5) continue;
    std::string text = "The key " + Name(hot.name) + " alone is " + Percent(hot.share) + " of the requests, " +
                       Fixed(hot.share * nodes, 1) +
                       " times a node's fair share; no number of virtual nodes can spread one key. ";
    text += hot.copies >= report.nodes.size() && hot.share * nodes > 1
                ? "Even a copy on every node would not be enough to halve its weight: cache it in the clients."
                : "Cache it in the clients, or keep it on " + std::to_string(hot.copies) + " nodes.";
    report.advice.push_back(std::move(text));
    if (++advised == kMostHotKeys) return;
  }
}

void AdviseCause(const Forecast& forecast, const CauseRow& cause, Report& report) {
  const conf::Pool& pool = forecast.base().pool;
  switch (cause.cause) {
    case Cause::kHotKeys: return AdviseHotKeys(forecast, report);
    case Cause::kRing:
      if (report.ring_spread.peak_to_mean <= report.target) return;
      report.advice.push_back((HasVirtualNodes(pool.ring.algorithm)
                                   ? "Too few virtual nodes: with " + Grouped(report.virtual_nodes) + " the"
                                   : "The algorithm " + report.algorithm + " is uneven here: the") +
                              " ring alone gives a node " + PeakText(report.ring_spread.peak_to_mean) +
                              " times its fair share.");
      return;
    case Cause::kHashTags:
      report.advice.push_back("Large groups of keys share a hash tag (" + Percent(*report.tagged_share) +
                              " of the keys have one), and a group lies on one node.");
      return;
    case Cause::kHash:
      report.advice.push_back("The hash " + report.hash + " does not spread these keys: their CV is " +
                              Percent(report.keys_spread.cv) + ", and the ring and chance explain " +
                              Percent(std::hypot(report.ring_spread.cv, report.sampling_cv)) +
                              ". A change of hash moves nearly all of them once.");
      return;
    case Cause::kWeights:
      if (cause.excess < kLeastExcess) return;
      report.advice.push_back(
          "Many of its keys are asked for steadily more than others, none of them hot. Weights lean against that while "
          "the keys stay as they are; judge by the shares, since fair shares follow the weights.");
      return;
    case Cause::kChance: return;
  }
}

void AdviseNothing(Report& report) {
  const auto fullest = std::ranges::max_element(report.nodes, {}, &NodeRow::ratio);
  const bool by_chance = report.causes.empty() || report.causes[0].cause == Cause::kChance;
  std::string text = std::string("Nothing to change") + (by_chance ? ", the rest is chance" : "") + ": node " +
                     Name(fullest->name) + ", the fullest, has " + PeakText(fullest->ratio) +
                     " times its fair share, and no cure gains more than " + Fixed(kLeastGain * 100, 0) + " %.";
  report.advice.push_back(std::move(text));
}

void AdviseBound(const conf::Pool& pool, Report& report) {
  if (pool.ring.load_bound.thousandths == 0) return;
  report.advice.push_back("load_bound is " + Fixed(pool.ring.load_bound.thousandths / 1000.0, 2) +
                          ": the proxy passes what a node gets beyond that on to the next ones. All figures here are "
                          "those of the ring without it.");
}

}  // namespace

uint32_t CopiesNeeded(double share, size_t nodes) {
  const auto all = static_cast<double>(nodes);
  return static_cast<uint32_t>(std::clamp(std::ceil(share * all / 0.5), 1.0, all));
}

void AddAdvice(const Forecast& forecast, Report& report) {
  AdviseMisplaced(report);
  if (forecast.requests() <= 0) {
    report.advice.push_back("Nothing can be said of the load: there were no requests.");
    return;
  }
  report.causes = FindCauses(forecast, report);
  report.cures = FindCures(forecast, report);
  const CureRow* const answer = AnswerOf(report);
  if (answer == nullptr) {
    AdviseNothing(report);
  } else {
    const bool reached = report.requests_spread.peak_to_mean <= report.target;
    report.advice.push_back(
        (reached ? "The target, " + PeakText(report.target) + ", is reached. What gains most: " : "Best: ") +
        answer->what + ": " + CureText(*answer, report));
  }
  AdviseWhy(report);
  for (const CauseRow& cause : report.causes) AdviseCause(forecast, cause, report);
  for (const CureRow& cure : report.cures) {
    if (&cure != answer) report.advice.push_back(Capital(cure.what) + ": " + CureText(cure, report));
  }
  AdviseBound(forecast.base().pool, report);
  if (answer == nullptr) return;
  // Where the answer is no matter of configuration, the best of what is one is offered beside it.
  const CureRow* lines = answer;
  for (const CureRow& cure : report.cures) {
    const bool better = lines->yaml.empty() || cure.peak_to_mean < lines->peak_to_mean;
    const bool worth_it = cure.peak_to_mean <= report.target || cure.gain >= answer->gain * kWorthMoving;
    if (answer->yaml.empty() && !cure.yaml.empty() && Gains(cure) && better && worth_it) lines = &cure;
  }
  if (lines->yaml.empty()) return;
  report.yaml = "# peak/mean " + PeakText(lines->peak_to_mean) + " instead of " +
                PeakText(report.requests_spread.peak_to_mean) + ": " + lines->what + "\n" + lines->yaml;
}

}  // namespace ringproxy::ringskew
