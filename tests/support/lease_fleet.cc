#include "tests/support/lease_fleet.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <random>
#include <tuple>

#include "tests/support/lease_store.h"

namespace ringproxy::test {
namespace {

constexpr int64_t kPatience = 20'000;
constexpr int64_t kEpoch = 1'795'207'122'000'000;  // Of the server's TIME.

enum class Happens : uint8_t { kAtStore, kReply, kTimeout };

struct Event {
  int64_t time_us = 0;
  uint64_t number = 0;  // Of events of the same time, the one that was planned first.
  Happens what = Happens::kReply;
  uint32_t lessee = 0;
  uint64_t question = 0;
  proxy::LeaseRequest request = {};
  proxy::LeaseReply reply = {};

  bool operator<(const Event& other) const {
    return std::tie(time_us, number) > std::tie(other.time_us, other.number);  // The queue gives the greatest first.
  }
};

struct Lessee {
  proxy::QuotaLease lease;
  uint64_t question = 0;  // Under way; the caller drops replies to all others.
  double local_tat = 0;
};

class Fleet {
 public:
  explicit Fleet(const FleetOptions& options)
      : options_(options),
        policy_(options.policy),
        lessees_(options.size.lessees()),
        random_(options.seed),
        result_{.meter = AdmissionMeter(options.policy.terms)},
        next_crash_us_(options.faults.crash_every * 1e6) {}

  FleetResult Run(const std::vector<Arrival>& arrivals) {
    for (const Arrival& arrival : arrivals) {
      for (; !events_.empty() && events_.top().time_us <= arrival.time_us;) {
        const Event event = events_.top();
        events_.pop();
        Handle(event);
      }
      OnArrival(arrival);
    }
    return std::move(result_);
  }

 private:
  static net::TimePoint At(int64_t time_us) { return net::TimePoint(net::Duration(time_us)); }
  double Uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  bool Chance(double chance) { return chance > 0 && Uniform() < chance; }
  int64_t HalfARoundTrip() { return 250 + static_cast<int64_t>(Uniform() * 750); }
  void Plan(Event event) {
    event.number = ++planned_;
    events_.push(event);
  }

  void OnArrival(const Arrival& arrival) {
    CrashIfDue(arrival.time_us);
    ++result_.offered;
    Lessee& lessee = lessees_[arrival.lessee];
    const net::TimePoint now = At(arrival.time_us);
    const auto answer = lessee.lease.Take(policy_, now, 1, options_.size.lessees());
    if (answer.admitted ||
        (options_.local_share && lessee.lease.failing_since() && LocalShare(lessee, arrival.time_us))) {
      result_.meter.Admit(arrival.time_us);
    }
    if (const auto request = lessee.lease.Ask(policy_, now, options_.size.lessees(), Uniform())) {
      Send(arrival.time_us, arrival.lessee, *request);
    }
  }

  void Send(int64_t now, uint32_t lessee, const proxy::LeaseRequest& request) {
    ++result_.store_calls;
    const uint64_t question = lessees_[lessee].question = ++questions_;
    Plan({.time_us = now + kPatience, .what = Happens::kTimeout, .lessee = lessee, .question = question});
    if (Chance(options_.faults.lost_request)) return;
    Plan({.time_us = now + HalfARoundTrip(),
          .what = Happens::kAtStore,
          .lessee = lessee,
          .question = question,
          .request = request});
  }

  void Handle(const Event& event) {
    Lessee& lessee = lessees_[event.lessee];
    if (event.what == Happens::kAtStore) return AtStore(event);
    if (event.question != lessee.question) return;  // Late, doubled, or of a process that is no more.
    lessee.question = 0;
    if (event.what == Happens::kTimeout) {
      if (!lessee.lease.failing_since()) {
        result_.noticed_us = static_cast<double>(event.time_us) - options_.faults.outage_from * 1e6;
      }
      ++result_.failures;
      lessee.lease.OnFailure(At(event.time_us));
      return;
    }
    lessee.lease.OnReply(policy_, At(event.time_us), event.reply, Uniform());
    uint64_t held = 0;
    for (const Lessee& each : lessees_) held += each.lease.tokens(At(event.time_us));
    result_.most_held = std::max(result_.most_held, held);
  }

  void AtStore(Event event) {
    const FleetFaults& faults = options_.faults;
    const double now = static_cast<double>(event.time_us) / 1e6;
    if (now >= faults.outage_from && now < faults.outage_to) return;
    if (faults.loses_data && now >= faults.outage_to && !lost_data_) {
      lost_data_ = true;
      store_.Forget();
    }
    event.what = Happens::kReply;
    event.reply = store_.Call(policy_.terms, event.request, kEpoch + event.time_us);
    if (Chance(faults.lost_reply)) return;
    event.time_us += HalfARoundTrip() + (Chance(faults.late_reply) ? kPatience + 1000 * HalfARoundTrip() / 50 : 0);
    Plan(event);
    if (!Chance(faults.doubled_reply)) return;
    event.time_us += HalfARoundTrip();
    Plan(event);
  }

  bool LocalShare(Lessee& lessee, int64_t now_us) {
    const auto now = static_cast<double>(now_us);
    const double per_token = static_cast<double>(policy_.terms.rate.window.count()) /
                             static_cast<double>(policy_.terms.rate.amount) * options_.size.lessees();
    const double tolerance =
        std::max(1.0, static_cast<double>(policy_.terms.burst) / options_.size.lessees()) * per_token;
    const double next = std::max(lessee.local_tat, now) + per_token;
    if (next > now + tolerance) return false;
    lessee.local_tat = next;
    return true;
  }

  void CrashIfDue(int64_t now) {
    if (next_crash_us_ == 0 || static_cast<double>(now) < next_crash_us_) return;
    next_crash_us_ += options_.faults.crash_every * 1e6;
    ++result_.crashes;
    lessees_[random_() % lessees_.size()] = Lessee();
  }

  const FleetOptions& options_;
  const proxy::LeasePolicy& policy_;
  std::vector<Lessee> lessees_;
  LeaseStore store_;
  bool lost_data_ = false;
  std::priority_queue<Event> events_;
  uint64_t planned_ = 0, questions_ = 0;
  std::mt19937_64 random_;
  FleetResult result_;
  double next_crash_us_;
};

}  // namespace

FleetResult RunFleet(const FleetOptions& options, const std::vector<Arrival>& arrivals) {
  return Fleet(options).Run(arrivals);
}

double MostCredit(const proxy::LeaseTerms& terms, uint32_t lessees) {
  const double rate_us = static_cast<double>(terms.rate.amount) / static_cast<double>(terms.rate.window.count());
  const double in_any_case = std::max<double>(lessees, rate_us * 20'000);
  return std::max(in_any_case, static_cast<double>(terms.burst));
}

}  // namespace ringproxy::test
