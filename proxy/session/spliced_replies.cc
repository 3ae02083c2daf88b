#include "proxy/session/spliced_replies.h"

#include <string>
#include <utility>

#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

// A few bytes may ask for much (COMMAND), and all of it is made at once.
constexpr size_t kMostOwnBytes = 1 << 20;

}  // namespace

backends::Reply SpliceReplies(ClientIo& io, ListenerContext& listener, ClientState& client, uint32_t owner,
                              const SplicedCommands& spliced, backends::Reply&& executed) {
  if (!wire::ArrayReader(executed.bytes()).is_array()) return std::move(executed);
  const ListenerFacts facts{listener.index, listener.conf.databases, listener.proved_databases, listener.gate, {}};
  size_t own_bytes = 0;
  const auto answer = [&](const wire::CommandSpec& spec, const wire::Request& request, std::string* out) {
    if (own_bytes >= kMostOwnBytes) {
      wire::AppendRedisError({.code = wire::ErrorCode::kOutOfMemory}, out);
    } else if (spec.handling == wire::Handling::kClients) {
      io.servers->clients->AppendInfo(owner, client.flavour.protocol, out);
    } else if (AnswerLocally(spec, request, client, facts, io.view, out) == LocalOutcome::kAskNodes) {
      // A SELECT is here only if there was no such database when it was queued, which a reload may have changed.
      wire::AppendError("ERR DB index is out of range", out);
    }
    own_bytes += out->size();
  };
  const auto select = [&](uint16_t database) { client.flavour.database = database; };
  return backends::Reply(spliced.Merge(executed.bytes(), io.io.blocks, answer, select));
}

}  // namespace ringproxy::proxy
