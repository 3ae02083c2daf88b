#include "proxy/session/parked_request.h"

#include <utility>

namespace ringproxy::proxy {

ParkedRequest::ParkedRequest(RoutedRequest routed, uint32_t slot, bool for_turn)
    : slot_(slot),
      for_turn_(for_turn),
      spec_(routed.spec),
      command_(routed.command),
      cas_(routed.cas),
      has_priority_(routed.has_priority),
      instead_(routed.instead),
      block_(std::move(routed.block)),
      routing_key_(routed.routing_key) {
  // Arguments are offsets, so they hold for the copy as they did for the input. A routing key may be a view of the
  // parser, which reads other clients' requests meanwhile: it is copied as well.
  for (size_t i = 0; i < routed.request.size(); ++i) arguments_.push_back(routed.request.argument(i));
  if (!block_) bytes_ = routed.request.encoded();
  request_ = wire::Request(block_ ? block_.bytes() : std::string_view(bytes_), arguments_);
}

RoutedRequest ParkedRequest::Take() {
  RoutedRequest routed{spec_, request_, std::move(block_)};
  routed.routing_key = routing_key_;
  routed.command = command_;
  routed.cas = cas_;
  routed.has_priority = has_priority_;
  routed.instead = instead_;
  return routed;
}

}  // namespace ringproxy::proxy
