// proxy/guard/bucket_source.h – Where the buckets of a limit are: in the process, leased from the store, or in the
// store.
//
// Purpose: an admission asks the buckets of a request one after another and need not know which kind each of them is.
// Threads: its worker's.
#pragma once

#include <string>

#include "proxy/guard/limit_rules.h"
#include "proxy/route/held_snapshot.h"

namespace ringproxy::proxy {

// The request of a charge, as far as it can still be told.
struct ChargedRequest {
  HeldSnapshot& held;
  const ClientIdentity* client;  // nullptr: the request has waited, and `name` says what its client would.
  const std::string* name;

  // What the bucket is called in the store.
  std::string NameOf(const Charge& charge) const {
    return client != nullptr ? held->limits->ValueOf(charge, *client) : *name;
  }
};

class BucketSource {
 public:
  // What Take would say; nothing is taken.
  virtual BucketAnswer Look(const Charge& charge, HeldSnapshot& held) = 0;
  // The store has to be asked about this very request, and may be.
  virtual bool MustAsk(const Charge&) const { return false; }
  // Charges the bucket if it admits the request. Charge::taken says what has to be given back. Requires: not MustAsk.
  virtual BucketAnswer Take(Charge* charge, const ChargedRequest& request) = 0;
  // What Take has taken: the request is not sent after all.
  virtual void GiveBack(const Charge& charge) = 0;
  // The request is over, with a reply of so many bytes. Requires: LimitRule::settles_later.
  virtual void Settle(const Charge& charge, HeldSnapshot& held, size_t reply_bytes) = 0;

 protected:
  ~BucketSource() = default;
};

// The tokens that a reply costs.
inline uint64_t DebtOf(const Charge& charge, size_t reply_bytes) {
  const uint64_t bytes_per_token = charge.rule->conf->bytes_per_token;
  return bytes_per_token > 0 ? reply_bytes / bytes_per_token : 0;
}

}  // namespace ringproxy::proxy
