#include "conf/version.h"

namespace ringproxy::conf {

std::string_view Version() {
  return RINGPROXY_VERSION;
}

}  // namespace ringproxy::conf
