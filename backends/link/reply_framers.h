// backends/link/reply_framers.h – The framer of a protocol's replies. Threads: pure.
#pragma once

#include <memory>

#include "backends/lane.h"
#include "backends/wire/reply_framer.h"
#include "conf/config.h"

namespace ringproxy::backends {

std::unique_ptr<wire::ReplyFramer> NewReplyFramer(conf::Protocol protocol, Flavour flavour = {});

}  // namespace ringproxy::backends
