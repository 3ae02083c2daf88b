#include "proxy/session/pinned_requests.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/wire/command.h"

namespace ringproxy::proxy {
namespace {

// What it says of scripts.
struct SentScripts {
  std::vector<ScriptCalls::ExecText> texts;  // The first ones of each text.
  bool are_flushed = false;
};

SentScripts ScriptsOf(const Transaction& transaction) {
  SentScripts sent;
  std::vector<ScriptCalls::ExecText>& texts = sent.texts;
  uint32_t place = 0;
  transaction.ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
    const uint32_t here = place++;
    if (spec.name == "script|flush") sent.are_flushed = true;
    const bool brings_text = spec.handling == wire::Handling::kScript && !NamesScript(spec);
    if (!brings_text || texts.size() == ScriptCalls::kMostOfExec) return;
    const std::string_view text = request[1];
    if (std::ranges::find(texts, text, &ScriptCalls::ExecText::text) == texts.end()) texts.push_back({here, text});
  });
  return sent;
}

}  // namespace

void SendPinned(ClientIo& io, ClientState& client, RoutedRequest& routed, const Origin& origin,
                backends::Ticket ticket) {
  const uint32_t lane = origin.lane.number;
  const uint32_t subscribed = client.refused.may_listen() ? io.subscriptions->OwnLinksOf(lane) : 0;
  if (wire::IsBlocking(routed.spec))
    return io.waits.Start(routed, origin, {io.watches.LinkOf(lane), subscribed}, ticket);
  client.flavour.is_pinned = true;
  io.watches.Start(routed, origin, subscribed, ticket);
}

void SendTransaction(ClientIo& io, ClientState& client, Origin origin, backends::Ticket ticket) {
  const std::unique_ptr<Transaction> transaction = std::move(client.transaction);
  const bool may_watch = std::exchange(client.flavour.is_pinned, false);
  origin.lane.flavour = client.flavour;
  if (transaction->work() != wire::Work::kPlain) {
    const SentScripts sent = ScriptsOf(*transaction);
    ticket = sent.are_flushed ? io.scripts.FollowFlush(origin.listener, ticket)
                              : io.scripts.FollowExec(sent.texts, origin.listener, ticket);
  }
  may_watch ? io.watches.Execute(*transaction, origin, io.executions, ticket)
            : io.executions.Start(*transaction, origin, ticket);
}

void FollowPinned(ClientIo& io, const ClientState& client, uint32_t lane) {
  client.flavour.is_pinned ? io.watches.Follow(lane, client.flavour) : io.watches.End(lane);
}

void EndWait(ClientIo& io, uint32_t lane, bool has_ended) {
  has_ended ? io.waits.EndOfClient(lane, io.watches) : io.waits.Cut(lane);
}

void LeavePinned(ClientIo& io, ClientState& client, uint32_t lane) {
  // First, since it may wait on the link on which it watches.
  io.waits.Leave(lane, io.watches);
  if (std::exchange(client.flavour.is_pinned, false)) io.watches.End(lane);
}

}  // namespace ringproxy::proxy
