#include "backends/link/server_question.h"

#include "backends/wire/resp_reply.h"

namespace ringproxy::backends {

void ServerQuestion::Start(std::string* out) {
  SetVersion({});
  next_ = NextReply::kHello;
  is_begun_ = refuses_transactions_ = false;
  out->append("*1\r\n$5\r\nHELLO\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n");
}

Handshake::HandshakeStep ServerQuestion::OnReply(std::string_view reply, std::string*) {
  switch (next_) {
    case NextReply::kHello:
      SetVersion(ServerVersion::Parse(wire::FieldOf(reply, "version").value_or(""),
                                      wire::FieldOf(reply, "server").value_or("")));
      next_ = NextReply::kMulti;
      return HandshakeStep::kMore;
    case NextReply::kMulti:
      is_begun_ = reply == "+OK\r\n";
      next_ = NextReply::kExec;
      return HandshakeStep::kMore;
    case NextReply::kExec:
      // A server that is busy discards even an empty one, in a word that says that it knows EXEC.
      refuses_transactions_ = !is_begun_ || (reply != "*0\r\n" && !reply.starts_with("-EXECABORT "));
      break;
  }
  return HandshakeStep::kDone;
}

}  // namespace ringproxy::backends
