// backends/net/resolver.h – Turns names into addresses by the C library, on threads of its own.
//
// One a process. A thread does one lookup at a time; which, is NameTable's to say. There are as many threads as lookups
// under way and one in reserve, and none before the first name is asked.
// Threads: Ask is called on the loop's thread, everything else on any. Answers come by the loop's mailbox.
// Lifetime: its end waits for no lookup: the threads that are in one share what they need, and leave after it. A
// question dies before its loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backends/net/loop.h"
#include "backends/net/name_table.h"

namespace ringproxy::net {

// Its destruction takes the question back.
class NameQuestion {
 public:
  virtual ~NameQuestion() = default;
};

class Resolver {
 public:
  using LookUp = std::function<FoundAddresses(const NameLookup& lookup)>;

  Resolver() : Resolver([](const NameLookup& lookup) { return LookUpAddresses(lookup.host, lookup.family); }, {}) {}
  // `look_up` is called by several threads at once.
  Resolver(LookUp look_up, NameTable::NameTerms terms);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // `done` is called once, in a turn to come, unless the question is gone by then.
  using Done = std::function<void(const ResolvedName& name)>;
  std::unique_ptr<NameQuestion> Ask(Loop& loop, const std::string& host, Done done);
  // See NameTable. `address`: with any port.
  void Note(const std::string& host, const SocketAddress& address, bool answers);
  // What it was the last time; nullptr = nobody has asked, or there is no answer yet.
  std::shared_ptr<const ResolvedName> Last(const std::string& host) const;

 private:
  struct Asker;
  struct Shared;
  class Question;
  std::shared_ptr<Shared> shared_;
};

}  // namespace ringproxy::net
