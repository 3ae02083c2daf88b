#include "proxy/admin/admin_origin.h"

#include <algorithm>

#include "backends/wire/ascii.h"
#include "conf/cidr.h"
#include "conf/quote.h"

namespace ringproxy::proxy {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), wire::ToLower);
  return lower;
}

// Of HOST:PORT, in lower case; brackets stay, which only IPv6 has.
std::string HostOf(std::string_view authority) {
  const size_t end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  std::string_view host = authority.substr(0, authority.starts_with('[') && end != authority.npos ? end + 1 : end);
  if (host.ends_with('.')) host.remove_suffix(1);
  return Lower(host);
}

// Nobody can make an address resolve to something else.
bool IsAddress(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return conf::ParseIp(host).has_value();
}

bool IsAllowed(const conf::Admin& admin, const std::string& host) {
  return std::ranges::any_of(admin.allowed_hosts, [&](const std::string& name) { return Lower(name) == host; });
}

}  // namespace

std::string WhyForeignOrigin(const conf::Admin& admin, const AskedFrom& from) {
  // "same-site" is another port of this machine, which is somebody else.
  const bool is_own_site = !from.fetch_site || *from.fetch_site == "same-origin" || *from.fetch_site == "none";
  if (!is_own_site) return "a page of another site has sent this: Sec-Fetch-Site is " + conf::Quote(*from.fetch_site);
  if (!from.origin) return {};
  const std::string origin = Lower(*from.origin);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!origin.starts_with(scheme)) continue;
    const std::string authority = origin.substr(scheme.size());
    // Behind a proxy that names another Host the browser still knows it by its own name.
    if (from.host && authority == Lower(*from.host)) return {};
    if (IsAllowed(admin, authority)) return {};
  }
  return "a page of another site has sent this: Origin is " + conf::Quote(*from.origin);
}

std::string WhyForeignHost(const conf::Admin& admin, const AskedFrom& from) {
  if (!from.host) return {};  // Every browser sends one.
  const std::string host = HostOf(*from.host);
  if (IsAddress(host) || host == "localhost" || host == Lower(admin.listen.host) || IsAllowed(admin, host)) return {};
  return "Host is " + conf::Quote(*from.host) +
         ", by which a page of another site may have asked: ask by IP address or localhost, send the token, or add the "
         "name to admin.allowed_hosts";
}

}  // namespace ringproxy::proxy
