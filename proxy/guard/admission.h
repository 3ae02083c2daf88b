// proxy/guard/admission.h – The way of one request through its buckets.
//
// Purpose: all buckets have to admit it. They are looked at before any is charged, then charged in turn; what was
// charged is given back when a later one refuses after all. Knows neither time nor the store: a request that has to
// wait goes on from where it is.
// Threads: its worker's. Lifetime: the sources outlive it.
#pragma once

#include <string>
#include <vector>

#include "proxy/guard/local_buckets.h"

namespace ringproxy::proxy {

// A request on its way.
struct AdmissionAttempt {
  HeldSnapshot* held = nullptr;  // To whose rules the charges lead; in use while the request waits.
  std::vector<Charge> charges;
  std::vector<std::string> names;        // As charges, once it waits: buckets of the store.
  size_t next = 0;                       // The charge to ask next.
  int64_t hold_ns = 0;                   // The longest wait that a bucket has asked for …
  const LimitRule* hold_rule = nullptr;  // … and whose it is.
};

enum class AdmissionStep : uint8_t { kDone, kRefused, kAskStore, kTryLater };

struct AdmissionOutcome {
  AdmissionStep step = AdmissionStep::kDone;
  const LimitRule* rule = nullptr;
  net::Duration retry_after{0};
};

// The bucket does not admit the request now: whether it may be tried later.
AdmissionOutcome RefusalBy(const Charge& charge, int64_t wait_ns);

class Admission {
 public:
  Admission(LocalBuckets& local, BucketSource& leased, BucketSource& exact)
      : local_(local), leased_(leased), exact_(exact) {}

  // Goes on as far as it can. `client`: whose request it is, while that is known. Refused: nothing is taken any more.
  AdmissionOutcome Run(AdmissionAttempt* attempt, const ClientIdentity* client);
  // Gives back what was taken.
  void Undo(AdmissionAttempt* attempt);
  // Places of limits on concurrency are for requests that are under way: one that is held returns them, and takes them
  // when it goes.
  void ReturnPlaces(AdmissionAttempt* attempt);
  AdmissionOutcome TakePlaces(AdmissionAttempt* attempt);
  // The request is over.
  void Settle(const Charge& charge, HeldSnapshot& held, size_t reply_bytes) {
    SourceOf(charge).Settle(charge, held, reply_bytes);
  }

 private:
  // The first look, at all of them; kDone when each would admit it.
  AdmissionOutcome Look(const AdmissionAttempt& attempt);
  BucketSource& SourceOf(const Charge& charge) const {
    if (!charge.rule->is_global) return local_;
    return charge.rule->is_exact ? exact_ : leased_;
  }

  LocalBuckets& local_;
  BucketSource& leased_;
  BucketSource& exact_;
};

}  // namespace ringproxy::proxy
