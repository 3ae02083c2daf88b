#include "proxy/local/refused_state.h"

#include <string_view>

namespace ringproxy::proxy {

RefusedState::Reason RefusedState::ReasonOf(const wire::CommandSpec& spec) const {
  if (needs_login() && spec.flags.find("no_auth") == std::string_view::npos) return Reason::kNoAuth;
  if (monitors() && (spec.access == wire::Access::kRead || spec.access == wire::Access::kWrite))
    return Reason::kMonitors;
  return may_listen() ? Reason::kListens : Reason::kNone;
}

}  // namespace ringproxy::proxy
