#include "backends/handshake.h"

#include "backends/wire/resp_encode.h"

namespace ringproxy::backends {

size_t AppendHandshake(const conf::Auth& auth, std::string* out) {
  size_t replies = 0;
  if (!auth.password_file.empty()) {
    wire::AppendArrayHeader(auth.username.empty() ? 2 : 3, out);
    wire::AppendBulk("AUTH", out);
    if (!auth.username.empty()) wire::AppendBulk(auth.username, out);
    wire::AppendBulk(auth.password, out);
    ++replies;
  }
  wire::AppendArrayHeader(1, out);
  wire::AppendBulk("PING", out);
  return replies + 1;
}

std::string_view HandshakeRefusal(std::string_view reply) {
  if (reply.starts_with('+')) return {};
  // The line without its type and its end; a node that answers anything else is no Redis server.
  if (reply.starts_with('-')) return reply.substr(1, reply.find('\r') - 1);
  return "unexpected reply";
}

}  // namespace ringproxy::backends
