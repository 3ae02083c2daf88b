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
  using ProtocolFront::ProtocolFront;

 private:
  FrontStep ProcessOne() override;
  size_t bytes_needed() const override { return parser_ ? parser_->bytes_needed() : 0; }
  void ForgetHalfRead() override;
  FrontStep RefuseHalfRead() override;

  void KeepHalfRead();
  FrontStep HandleRequest(const wire::Request& request, size_t size, bool in_own_block);
  // Appends the reply to what is answered without a node: unknown, malformed, refused or local commands. Nothing: the
  // request goes on.
  std::optional<FrontStep> AnswerHere(const wire::CommandSpec* spec, const wire::Request& request, std::string* out);
  void AnswerMalformed(const wire::CommandSpec* spec, const wire::Request& request, std::string* out);
  // True, and the error appended, when the request must not be executed.
  bool IsRefused(const wire::CommandSpec& spec, const wire::Request& request, std::string* out);
  // What the client has asked to see of the reply to the request that is being handled.
  wire::Quiet QuietNow() const {
    const ReplyMode mode = client().reply_mode;
    return mode == ReplyMode::kOff || mode == ReplyMode::kSkipThis ? wire::Quiet::kAll : wire::Quiet::kNone;
  }
  FrontStep RefuseProtocol(std::string_view error);

  std::unique_ptr<wire::RequestParser> parser_;  // Only while a request is half read.
};

}  // namespace ringproxy::proxy
