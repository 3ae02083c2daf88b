// What clients say of server-side features when they connect: tracking, redirection, maintenance.
#include <algorithm>
#include <cstddef>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

// The options behind ON or OFF are Redis', which reads them before it looks at that word.
bool HasTrackingOptions(const wire::Request& request) {
  constexpr std::string_view kWithValue[] = {"redirect", "prefix"};
  constexpr std::string_view kAlone[] = {"bcast", "optin", "optout", "noloop"};
  for (size_t i = 3; i < request.size(); ++i) {
    const auto is_it = [&](std::string_view option) { return wire::EqualsIgnoringCase(request[i], option); };
    if (std::ranges::any_of(kAlone, is_it)) continue;
    if (i + 1 == request.size() || !std::ranges::any_of(kWithValue, is_it)) return false;
    ++i;
  }
  return true;
}

}  // namespace

LocalOutcome AnswerClientTracking(const LocalCall& call) {
  const wire::Request& request = call.request;
  const bool on = wire::EqualsIgnoringCase(request[2], "on");
  if (!HasTrackingOptions(request) || (!on && !wire::EqualsIgnoringCase(request[2], "off"))) {
    wire::AppendError("ERR syntax error", call.out);
  } else if (on) {
    wire::AppendNotSupported("client|tracking",
                             "a node tracks what its connections read, and those are shared by all clients; leave the "
                             "library's own cache off",
                             call.out);
    return LocalOutcome::kRefused;
  } else {
    wire::AppendSimple("OK", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientTrackingInfo(const LocalCall& call) {
  wire::AppendMapHeader(3, call.protocol(), call.out);
  wire::AppendBulk("flags", call.out);
  wire::AppendSetHeader(1, call.protocol(), call.out);
  wire::AppendBulk("off", call.out);
  wire::AppendBulk("redirect", call.out);
  wire::AppendInteger(-1, call.out);
  wire::AppendBulk("prefixes", call.out);
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerClientGetRedir(const LocalCall& call) {
  wire::AppendInteger(-1, call.out);
  return LocalOutcome::kAnswered;
}

// Servers take whatever a client can do, and use what they know.
LocalOutcome AnswerClientCapa(const LocalCall& call) {
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

// Nodes come and go behind the proxy unseen: a client has to know of its own end alone. Which of its addresses that
// would be nobody asks, for it has one.
LocalOutcome AnswerClientMaintenance(const LocalCall& call) {
  constexpr std::string_view kTypes[] = {"none", "internal-ip", "internal-fqdn", "external-ip", "external-fqdn"};
  const wire::Request& request = call.request;
  const bool on = wire::EqualsIgnoringCase(request[2], "on");
  const bool names_type =
      on && request.size() == 5 && wire::EqualsIgnoringCase(request[3], "moving-endpoint-type") &&
      std::ranges::any_of(kTypes, [&](std::string_view type) { return wire::EqualsIgnoringCase(request[4], type); });
  const bool is_plain = request.size() == 3 && (on || wire::EqualsIgnoringCase(request[2], "off"));
  if (!is_plain && !names_type) {
    wire::AppendError("ERR syntax error", call.out);
    return LocalOutcome::kAnswered;
  }
  const bool is_bare = names_type && wire::EqualsIgnoringCase(request[4], "none");
  call.client.moving_news = !on ? MovingNews::kUnwanted : is_bare ? MovingNews::kBare : MovingNews::kWithEndpoint;
  call.client.has_left_database = false;
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
