// proxy/session/redis_front.h – A client that speaks RESP.
//
// Threads, ownership: as protocol_front.h.
#pragma once

#include <memory>
#include <optional>

#include "backends/wire/resp_request.h"
#include "proxy/session/protocol_front.h"

namespace ringproxy::proxy {

class RedisFront final : public ProtocolFront {
 public:
  explicit RedisFront(const ClientParts& parts);

 private:
  FrontStep ProcessOne() override;
  size_t bytes_needed() const override { return parser_ ? parser_->bytes_needed() : 0; }
  void ForgetHalfRead() override;
  FrontStep RefuseHalfRead() override;

  void KeepHalfRead();
  // Until it has logged in it may send less.
  void BoundBeforeLogin();
  FrontStep HandleRequest(const wire::Request& request, size_t size, bool in_own_block);
  // The EXEC of a transaction, or what may need a link of its own.
  FrontStep HandleApart(const wire::CommandSpec& spec, const wire::Request& request, net::Block block, size_t size);
  // INFO: true when it is answered, and no node has to be asked for it.
  bool AnswersInfo(const wire::Request& request, size_t size);
  // `before`: what it was.
  void OnFlavourChange(backends::Flavour before);
  void OnLocalOutcome(LocalOutcome outcome, const wire::CommandSpec& spec, const wire::Request& request);
  // Appends the reply to what is answered without a node: unknown, malformed, refused or local commands. Nothing: the
  // request goes on. kPause: it is to come again, when all before it is answered.
  std::optional<FrontStep> AnswerHere(const wire::CommandSpec* spec, const wire::Request& request, std::string* out);
  void AnswerMalformed(const wire::CommandSpec* spec, const wire::Request& request, std::string* out);
  // Within a transaction: true, and the answer appended, when it is queued or refused. Else it is executed at once.
  bool IsQueued(const wire::CommandSpec& spec, const wire::Request& request, std::string* out);
  // Takes it into the transaction, for its node or for the proxy.
  std::optional<wire::Failure> QueueOrSplice(const wire::CommandSpec& spec, const wire::Request& request);
  // The command is refused, and with it the transaction.
  void RefuseToQueue(const wire::CommandSpec& spec, const wire::Failure& failure, std::string* out);
  // Of a command that nodes execute, and that cannot be part of one; else empty.
  std::string_view WhyNotQueued(const wire::CommandSpec& spec);
  // All that the listener reaches is one node.
  bool HasOneNode();
  // EXEC is refused: the client has no transaction any more, and watches nothing.
  void FailExec(std::string_view words, std::string* out);
  // An EXEC, or what is about messages.
  FrontStep HandlePubSub(RoutedRequest& routed, size_t size);
  // Of a client that listens in RESP2: true, and the reply appended, when the command has another one than usual.
  bool IsRefusedToListener(const wire::CommandSpec& spec, const wire::Request& request, std::string* out);
  // True, and the error appended, when the request must not be executed.
  bool IsRefused(const wire::CommandSpec& spec, const wire::Request& request, std::string* out);
  // What the client has asked to see of the reply to the request that is being handled.
  wire::Quiet QuietNow() const {
    const ReplyMode mode = client().reply_mode;
    return mode == ReplyMode::kOff || mode == ReplyMode::kSkipThis ? wire::Quiet::kAll : wire::Quiet::kNone;
  }
  FrontStep RefuseProtocol(std::string_view error);

  std::optional<uint16_t> selecting_;  // The request that is being handled: the nodes have to accept the database.
  bool resets_ = false;                // Likewise: a RESET, of a client that listens.
  std::unique_ptr<wire::RequestParser> parser_;  // Only while a request is half read, and before the login.
  bool parser_is_bounded_ = false;               // It is that of the time before the login.
};

}  // namespace ringproxy::proxy
