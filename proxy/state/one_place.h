// proxy/state/one_place.h – Whether all keys of a command lie on one node.
//
// Threads: its owner's. The views of a failure are valid until the next call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "backends/wire/command.h"
#include "backends/wire/error_text.h"
#include "proxy/route/router.h"

namespace ringproxy::proxy {

class OnePlace {
 public:
  // A key that is known already, and where it lies.
  struct KnownKey {
    NodeId node;
    std::string_view key;
  };
  // The owner of all keys, and of the known one; without any, that of the empty key, since a node has the words for
  // what is wrong then. None: the failure says why.
  std::optional<NodeId> Find(const wire::CommandSpec& spec, const wire::Request& request, const Snapshot& snapshot,
                             uint32_t listener, const std::optional<KnownKey>& known, wire::Failure* failure);

 private:
  wire::KeyPositions keys_;
  std::string names_[2];  // Of two nodes that do not agree.
};

}  // namespace ringproxy::proxy
