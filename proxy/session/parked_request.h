// proxy/session/parked_request.h – A request that waits for its limits or its turn, with bytes of its own.
//
// Purpose: what a session has framed is valid only until it reads on; a request that waits is copied (or takes its
// block along) and can be dispatched later as if it had just come. Threads: its session's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/route/dispatcher.h"

namespace ringproxy::proxy {

class ParkedRequest {
 public:
  // `for_turn`: it waits until what came before it is answered.
  ParkedRequest(RoutedRequest routed, uint32_t slot, bool for_turn = false);

  uint32_t slot() const { return slot_; }
  bool for_turn() const { return for_turn_; }
  const wire::CommandSpec& spec() const { return spec_; }
  const wire::Request& request() const { return request_; }
  // Once; its views are valid as long as this object and, if there is one, the block that it hands over.
  RoutedRequest Take();

 private:
  uint32_t slot_;
  bool for_turn_;
  const wire::CommandSpec& spec_;
  uint32_t command_;
  wire::CasPlace cas_;
  bool has_priority_;
  std::string_view instead_;
  std::vector<wire::ArgumentSpan> arguments_;
  std::string bytes_;  // Unless there is a block.
  net::Block block_;
  std::optional<std::string> routing_key_;
  wire::Request request_;
};

}  // namespace ringproxy::proxy
