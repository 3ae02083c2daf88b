// backends/node_settings.h – What a connection needs to know of its node; one value a node and worker, kept as long as
// the node's connections live.
#pragma once

#include <string>

#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::backends {

struct NodeSettings {
  conf::Protocol protocol;
  std::string pool;
  std::string node;
  net::Endpoint endpoint;
  conf::Auth auth;
  conf::Timeouts timeouts;
  conf::Reconnect reconnect;
  conf::NodeLimits limits;
};

}  // namespace ringproxy::backends
