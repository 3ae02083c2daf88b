// tests/support/fake_names.h – What names resolve to, for a Resolver without a network; a name may hang.
//
// Threads: any. Ownership: lookups that are still under way share what they need.
#pragma once

#include <netdb.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/net/resolver.h"

namespace ringproxy::test {

class FakeNames {
 public:
  ~FakeNames() { Release(); }

  // From now on. Without addresses `error` is what comes.
  void Know(const std::string& name, const std::vector<std::string>& addresses, int error = 0) {
    const std::lock_guard lock(state_->mutex);
    net::FoundAddresses& found = state_->names[name] = {error, {}};
    for (const std::string& address : addresses) found.addresses.push_back(net::NumericAddress(address, 0));
  }
  // Its lookups come back no sooner than Release: all of them, or those for all families alone.
  void Hang(const std::string& name, bool for_one_family_too = true) {
    const std::lock_guard lock(state_->mutex);
    state_->hanging[name] = for_one_family_too;
  }
  void Release() {
    const std::lock_guard lock(state_->mutex);
    state_->hanging.clear();
    state_->changed.notify_all();
  }
  // Until so many lookups of the name have begun; false after ten seconds without.
  bool WaitForLookups(const std::string& name, int number) {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, std::chrono::seconds(10), [&] { return state_->begun[name] >= number; });
  }
  int lookups(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    return state_->begun[name];
  }

  net::Resolver::LookUp LookUp() {
    return [state = state_](const net::NameLookup& lookup) {
      std::unique_lock lock(state->mutex);
      ++state->begun[lookup.host];
      state->changed.notify_all();
      state->changed.wait(lock, [&] {
        const auto hangs = state->hanging.find(lookup.host);
        return hangs == state->hanging.end() || (lookup.family != AF_UNSPEC && !hangs->second);
      });
      const auto known = state->names.find(lookup.host);
      return known == state->names.end() ? net::FoundAddresses{EAI_NONAME, {}} : known->second;
    };
  }

 private:
  struct NamesState {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, net::FoundAddresses> names;
    std::map<std::string, bool> hanging;
    std::map<std::string, int> begun;
  };
  std::shared_ptr<NamesState> state_ = std::make_shared<NamesState>();
};

}  // namespace ringproxy::test
