// backends/net/name_table.h – What each name resolved to, and which name is looked up next.
//
// Purpose: the resolver's decisions. A name is looked up once at a time, however many ask for it. Its answer is given
// again for a second; after that it is kept for whoever cannot wait while the next lookup is under way, and it outlives
// lookups that fail without saying that the name has no address. A lookup that takes long is taken for one that hangs:
// those do not count among the few that may be under way together, up to a bound that leaves room for names that
// answer. A name without an answer that hangs is looked up beside that for IPv4 alone, since some name servers answer
// every question but the one for IPv6. The order of the addresses is the C library's, except that one comes last at
// which connections are taken and nothing is ever said: the forwarder of a container, or a balancer without servers.
// Pure: knows no thread, reads no clock. The owner sees to it that one thread at a time calls.
#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/net/address_lookup.h"
#include "backends/net/loop.h"

namespace ringproxy::net {

using WallTime = std::chrono::system_clock::time_point;

struct ResolvedName {
  // Of the last lookup that found any. With addresses it is an answer, whatever has failed since.
  std::vector<SocketAddress> addresses;
  WallTime found_at{};
  // Of the last lookup: 0, or see connect_error.h.
  int error = 0;
  WallTime asked_at{};
};

struct NameLookup {
  std::string host;
  int family = AF_UNSPEC;
};

class NameTable {
 public:
  struct NameTerms {
    Duration fresh = std::chrono::seconds(1);            // So long an answer is given again.
    Duration patience = std::chrono::milliseconds(250);  // After that a lookup hangs.
    size_t quick = 4;                                    // Lookups under way together, without those that hang.
    size_t hanging = 24;                                 // No new name and none that hung begins beyond it.
    size_t most = 32;                                    // Lookups under way together.
    size_t names = 16'384;
  };

  explicit NameTable(NameTerms terms) : terms_(terms) {}

  // A fresh answer; nullptr = it is being looked up. One with an error of this process's own when it has no room.
  std::shared_ptr<const ResolvedName> Ask(const std::string& host, TimePoint now);
  // The last answer; nullptr = there is none yet.
  std::shared_ptr<const ResolvedName> Last(const std::string& host) const;

  // Of a connection to an address of the name: whether a server has said anything by it.
  void Note(const std::string& host, const SocketAddress& address, bool answers);

  // The lookup that is to be done now; none = not before something is finished or asked, or NextDue.
  std::optional<NameLookup> Begin(TimePoint now);
  std::optional<TimePoint> NextDue(TimePoint now) const;
  // What a lookup has found. The answer for all who wait for the name; nullptr = they wait on.
  std::shared_ptr<const ResolvedName> Finish(const NameLookup& lookup, FoundAddresses found, TimePoint now,
                                             WallTime wall);

  size_t under_way() const { return under_way_.size(); }

 private:
  // In the order in which they are served. By what the last lookup was like: a name that answers is not to wait behind
  // ones of which nobody knows whether they do.
  enum NameClass : uint8_t { kAnswers, kUnknown, kHangs, kClasses };
  enum class NameStage : uint8_t { kIdle, kWaiting, kUnderWay };
  struct NameEntry {
    std::string host;
    std::shared_ptr<const ResolvedName> answer;
    std::vector<SocketAddress> mute;  // Of its addresses, but never all: the longest mute first.
    NameClass name_class = kUnknown;
    NameStage stage = NameStage::kIdle;
    bool has_second = false;  // Stands in seconds_, or its lookup for IPv4 is under way or done.
    TimePoint asked{};
    TimePoint fresh_until{};
  };
  struct UnderWay {
    NameEntry* entry;
    int family;
    TimePoint since;
  };

  // Those that are mute to the end.
  static void Arrange(NameEntry& entry, std::vector<SocketAddress>& addresses);
  bool MakeRoom();
  bool Hangs(const UnderWay& lookup, TimePoint now) const;
  // Under way for all families: without those that hang, or with them alone.
  size_t Count(bool hanging, TimePoint now) const;
  bool MayBegin(NameClass name_class, TimePoint now) const;
  // Which has waited for its first answer so long as if the lookup hung; nullptr if there is none.
  NameEntry* NextSecond(TimePoint now);
  NameLookup Start(NameEntry& entry, int family, TimePoint now);

  NameTerms terms_;
  std::unordered_map<std::string, NameEntry> names_;  // An entry stays where it is.
  std::array<std::deque<NameEntry*>, kClasses> waiting_;
  std::deque<NameEntry*> seconds_;  // Without an answer, by the time at which they were asked.
  std::vector<UnderWay> under_way_;
};

}  // namespace ringproxy::net
