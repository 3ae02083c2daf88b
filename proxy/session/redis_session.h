// proxy/session/redis_session.h – A client that speaks RESP.
//
// Threads, ownership: as session.h.
#pragma once

#include <memory>

#include "backends/wire/resp_request.h"
#include "proxy/session/session.h"

namespace ringproxy::proxy {

class RedisSession final : public Session {
 public:
  using Session::Session;

 private:
  bool ProcessOne() override;
  size_t bytes_needed() const override { return parser_ ? parser_->bytes_needed() : 0; }
  void ForgetHalfRead() override;
  void RefuseHalfRead() override;
  void AppendFailure(const wire::Failure& failure, std::string* out) const override;

  void KeepHalfRead();
  void HandleRequest(const wire::Request& request, size_t size, bool in_own_block);
  // Answered without a node: unknown, malformed, refused or local commands. False: the request goes on.
  bool AnswerHere(const wire::CommandSpec* spec, const wire::Request& request, size_t size);
  void AnswerMalformed(const wire::CommandSpec* spec, const wire::Request& request, std::string* out);
  // True, and the error appended, when the request must not be executed.
  bool IsRefused(const wire::CommandSpec& spec, const wire::Request& request, std::string* out);
  // What the client has asked to see of the reply to the request that is being handled.
  wire::Quiet QuietNow() const {
    const ReplyMode mode = client().reply_mode;
    return mode == ReplyMode::kOff || mode == ReplyMode::kSkipThis ? wire::Quiet::kAll : wire::Quiet::kNone;
  }
  void RefuseProtocol(std::string_view error);

  std::unique_ptr<wire::RequestParser> parser_;  // Only while a request is half read.
};

}  // namespace ringproxy::proxy
