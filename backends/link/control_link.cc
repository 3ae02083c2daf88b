#include "backends/link/control_link.h"

namespace ringproxy::backends {

void ControlLink::Send(std::string_view word, Ticket ticket, wire::Work work) {
  idle_seconds_ = 0;
  idle_losses_ = connection_.losses();
  // Like the links of one client each, it is opened because somebody waits for it; also where it was lost since the
  // last word, for by this one a wait may end whose client has left.
  if (takes_ && is_closed()) connection_.Become({.is_pinned = true});
  if (takes_) connection_.Connect();
  connection_.Send(word, ticket, work);
}

void ControlLink::Drain() {
  takes_ = false;
  connection_.Drain();
}

void ControlLink::Tick() {
  if (is_closed()) return;
  idle_seconds_ = in_flight() > 0 ? 0 : idle_seconds_ + 1;
  // One that has come back while nobody needs it would be found dead by the next word only.
  const bool is_another = in_flight() == 0 && connection_.losses() != idle_losses_;
  if (is_another || idle_seconds_ >= kKept.count()) connection_.Drain();
}

}  // namespace ringproxy::backends
