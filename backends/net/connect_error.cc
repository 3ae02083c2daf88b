#include "backends/net/connect_error.h"

#include <netdb.h>

#include <cerrno>
#include <cstring>

namespace ringproxy::net {

// Or one could not tell the one from the other.
static_assert(EAI_NONAME < 0 && EAI_AGAIN < 0 && EAI_FAIL < 0 && EAI_SYSTEM < 0);

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool HasNoWay(int error) {
  return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == ENETUNREACH;
}

std::string ConnectErrorText(const Endpoint& endpoint, int error) {
  if (error >= 0) return std::strerror(error);
  return "cannot resolve " + endpoint.host + ": " + gai_strerror(error);
}

std::string UnresolvedText(const Endpoint& endpoint) {
  return "cannot resolve " + endpoint.host + ": no answer yet";
}

}  // namespace ringproxy::net
