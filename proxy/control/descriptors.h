// proxy/control/descriptors.h – How many descriptors a configuration may need, the process's limit on them, and how
// many of them clients may have: nodes, checks and the admin port have theirs reserved.
#pragma once

#include <cstdint>

#include "conf/config.h"

namespace ringproxy::proxy {

struct DescriptorNeed {
  uint64_t clients = 0;  // max_connections of all listeners.
  uint64_t nodes = 0;    // Connections of every worker to every node, in all flavours that it may use at once.
  uint64_t checks = 0;   // One a node that is checked or emptied, and some that are asked for their commands.
  uint64_t admin = 0;    // Clients of the admin port.
  uint64_t own = 0;      // Listeners, loops, name servers, files.
  uint64_t least = 0;    // With fewer not one client could be served beside the nodes and their checks.

  // What clients may not have.
  uint64_t reserved() const { return nodes + checks + admin + own; }
  uint64_t total() const { return clients + reserved(); }
};

DescriptorNeed DescriptorsNeeded(const conf::Config& config, uint32_t workers);

// Raises the soft limit to what is needed, at most to the hard limit, and never lowers it. Says so in a line when that
// is too low. Returns for how many clients there is room then: none, when there are fewer than the least.
uint64_t RaiseDescriptorLimit(const DescriptorNeed& need);
// The same for a limit that is given. A quarter of the limit is the clients' at least: the reserve is an upper bound.
uint64_t RoomForClients(const DescriptorNeed& need, uint64_t limit);

// Of this process, now.
uint64_t DescriptorsUsed();
uint64_t DescriptorLimit();

}  // namespace ringproxy::proxy
