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

std::optional<backends::Reply> SplicedReplies::Take(backends::Reply&& reply) {
  if (is_executed()) {
    AddAnswer(std::move(reply));
    return AskOn();
  }
  if (!wire::ArrayReader(reply.bytes()).is_array()) return std::move(reply);
  if (!commands_->asks()) return Merge(reply.bytes());
  executed_ = reply.Keep(io_.io.blocks);
  return AskOn();
}

std::optional<backends::Reply> SplicedReplies::AskOn() {
  // An answer that comes at once is met again here, and goes no deeper.
  if (is_asking_) return std::nullopt;
  is_asking_ = true;
  while (!awaits_ && next_ < commands_->count()) {
    const SplicedCommand& command = commands_->commands()[next_++];
    if (command.asks()) Ask(command);
  }
  is_asking_ = false;
  return awaits_ ? std::nullopt : std::optional(Merge(executed_.bytes()));
}

void SplicedReplies::Ask(const SplicedCommand& command) {
  awaits_ = true;
  const wire::Request request = command.request();
  std::string text;
  if (answer_bytes_ >= kMostOwnBytes) {
    wire::AppendRedisError({.code = wire::ErrorCode::kOutOfMemory}, &text);
    return AddAnswer(backends::Reply(text));
  }
  if (wire::IsShared(*command.spec) &&
      io_.servers->info.AnswerNow(request, listener_.index, client_.flavour.protocol, false, &text))
    return AddAnswer(backends::Reply(text));
  RoutedRequest routed{*command.spec, request, {}};
  if (!command.asks_nodes()) return io_.servers->clients->Ask(routed, client_, listener_.index, ticket_);
  routed.command = static_cast<uint32_t>(wire::CommandIndex(*command.spec));
  const Origin origin{*io_.held, listener_.index, {ticket_.owner, client_.flavour}};
  command.spec->handling == wire::Handling::kPubSub ? io_.dispatcher.Dispatch(routed, origin, ticket_)
                                                    : io_.servers->Ask(routed, origin, ticket_);
}

void SplicedReplies::AddAnswer(backends::Reply&& answer) {
  std::string text;
  // It is copied twice more.
  if (!io_.io.memory.HasRoomForReply(answer_bytes_, 2 * answer.size())) {
    wire::AppendRedisError({.code = wire::ErrorCode::kOutOfMemory}, &text);
    answer = backends::Reply(text);
  }
  answers_.push_back(answer.Keep(io_.io.blocks));
  answer_bytes_ += answers_.back().held_bytes();
  awaits_ = false;
}

backends::Reply SplicedReplies::Merge(std::string_view executed) {
  const ListenerFacts facts{listener_.index, listener_.conf.databases, listener_.proved_databases, listener_.gate, {}};
  size_t own_bytes = 0;
  auto given = answers_.begin();
  const auto answer = [&](const SplicedCommand& command, std::string* out) {
    if (command.asks()) {
      out->append((given++)->bytes());
      return;
    }
    if (own_bytes >= kMostOwnBytes) {
      wire::AppendRedisError({.code = wire::ErrorCode::kOutOfMemory}, out);
    } else if (command.spec->handling == wire::Handling::kClients) {
      io_.servers->clients->AppendInfo(ticket_.owner, client_.flavour.protocol, 0, out);
    } else if (AnswerLocally(*command.spec, command.request(), client_, facts, io_.view, out) ==
               LocalOutcome::kAskNodes) {
      // A SELECT is here only if there was no such database when it was queued, which a reload may have changed.
      wire::AppendError("ERR DB index is out of range", out);
    }
    own_bytes += out->size();
  };
  const auto select = [&](uint16_t database) { EnterDatabase(database, &client_); };
  return backends::Reply(commands_->Merge(executed, io_.io.blocks, answer, select));
}

}  // namespace ringproxy::proxy
