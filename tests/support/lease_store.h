// tests/support/lease_store.h – The store of one global limit without a server: the lease script, word by word in C++.
//
// tests/e2e/test_lease_script.py holds the two together.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/guard/lease_script.h"

namespace ringproxy::test {

class LeaseStore {
 public:
  proxy::LeaseReply Call(const proxy::LeaseTerms& terms, const proxy::LeaseRequest& request, int64_t now_us);
  // FLUSHALL.
  void Forget() { tat_.reset(); }
  // The value of the key, as the last call left it.
  std::optional<double> stored() const { return tat_; }

 private:
  std::optional<double> tat_;
  double expires_us_ = 0;
};

}  // namespace ringproxy::test
