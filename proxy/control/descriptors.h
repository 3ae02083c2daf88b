// proxy/control/descriptors.h – How many descriptors a configuration may need, and the process's limit on them.
#pragma once

#include <cstdint>

#include "conf/config.h"

namespace ringproxy::proxy {

struct DescriptorNeed {
  uint64_t clients = 0;  // max_connections of all listeners.
  uint64_t nodes = 0;    // Connections of every worker to every node.
  uint64_t checks = 0;   // One a node that is checked or emptied.
  uint64_t admin = 0;    // Clients of the admin port.
  uint64_t own = 0;      // Listeners, loops, name servers, files.

  uint64_t total() const { return clients + nodes + checks + admin + own; }
};

DescriptorNeed DescriptorsNeeded(const conf::Config& config, uint32_t workers);

// Raises the soft limit to what is needed, at most to the hard limit, and never lowers it. Says so in a line when that
// is too low.
void RaiseDescriptorLimit(const DescriptorNeed& need);

}  // namespace ringproxy::proxy
