#include "backends/net/address_lookup.h"

#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>

#include "backends/net/connect_error.h"

namespace ringproxy::net {
namespace {

// The errno of a failed attempt to open anything, or 0.
int FindShortage() {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return IsShortage(errno) ? errno : 0;
  close(fd);
  return 0;
}

// The C library takes files and servers that it cannot open for ones that know nothing: without a descriptor it says
// that a name does not exist.
int ErrorOf(int code, int error) {
  if (code == EAI_MEMORY) return ENOMEM;
  if (IsShortage(error) || (code == EAI_SYSTEM && error != 0)) return error;
  const int shortage = FindShortage();
  return shortage != 0 ? shortage : code;
}

}  // namespace

FoundAddresses LookUpAddresses(const std::string& host, int family) {
  FoundAddresses result;
  addrinfo hints{};
  hints.ai_family = family;
  // Without a type the C library gives each address once for every type that there is.
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  // Only EAI_SYSTEM is sure to set it, and an old error must not be taken for a shortage now.
  errno = 0;
  if (const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0) {
    result.error = ErrorOf(code, errno);
    return result;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const SocketAddress address = CopyOf(each->ai_addr, each->ai_addrlen);
    // A hosts file may name an address twice, which would have two shares of the time for connecting.
    if (std::ranges::find(result.addresses, address) == result.addresses.end()) result.addresses.push_back(address);
  }
  result.addresses = Interleaved(result.addresses);
  return result;
}

std::vector<SocketAddress> Interleaved(const std::vector<SocketAddress>& addresses) {
  std::deque<SocketAddress> first;
  std::deque<SocketAddress> second;
  for (const SocketAddress& address : addresses) {
    (address.family() == addresses.front().family() ? first : second).push_back(address);
  }
  std::vector<SocketAddress> result;
  while (!first.empty()) {
    result.push_back(first.front());
    first.pop_front();
    if (!second.empty()) std::swap(first, second);
  }
  return result;
}

}  // namespace ringproxy::net
