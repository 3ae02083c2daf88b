#include "proxy/local/refused_state.h"

#include <algorithm>
#include <string_view>

namespace ringproxy::proxy {
namespace {

// What they make of a connection is not on the one that the client goes to, and its library may not know of it.
constexpr std::string_view kBinding[] = {"client|reply", "monitor",   "psubscribe", "select",
                                         "ssubscribe",   "subscribe", "watch"};

}  // namespace

RefusedState::Reason RefusedState::ReasonOf(const wire::CommandSpec& spec) const {
  if (needs_login() && spec.flags.find("no_auth") == std::string_view::npos) return Reason::kNoAuth;
  if (monitors() && (spec.access == wire::Access::kRead || spec.access == wire::Access::kWrite))
    return Reason::kMonitors;
  if (moves() && std::ranges::find(kBinding, spec.name) != std::end(kBinding)) return Reason::kMoves;
  return may_listen() ? Reason::kListens : Reason::kNone;
}

}  // namespace ringproxy::proxy
