// proxy/admin/admin_origin.h – Whether a page of another site may have sent a request to the admin port.
//
// A browser on the operator's machine reaches the port, and any page that it shows can make it send. It says where a
// request comes from (Origin, Sec-Fetch-Site) and by which name it has found the port (Host). A page whose name is made
// to resolve to this machine is of the same origin, and only its name gives it away. Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/config.h"

namespace ringproxy::proxy {

// As sent; none where the header is missing. Only browsers send the last two.
struct AskedFrom {
  std::optional<std::string_view> host = {};
  std::optional<std::string_view> origin = {};
  std::optional<std::string_view> fetch_site = {};
};

// Why it is refused, in words; empty when it comes from the port's own page, or from no page.
std::string WhyForeignOrigin(const conf::Admin& admin, const AskedFrom& from);
// The same of the name by which the port is asked.
std::string WhyForeignHost(const conf::Admin& admin, const AskedFrom& from);

}  // namespace ringproxy::proxy
