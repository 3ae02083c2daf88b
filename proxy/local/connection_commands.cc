// What concerns a client's own connection: PING, ECHO, QUIT, SELECT, and the ends of transactions.
#include <cstdint>
#include <optional>
#include <string>

#include "backends/wire/error_text.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
LocalOutcome AnswerPing(const LocalCall& call) {
  // The table cannot say "at most one argument".
  if (call.request.size() > 2) {
    wire::AppendWrongArity("ping", call.out);
  } else if (call.request.size() == 2) {
    wire::AppendBulk(call.request[1], call.out);
  } else {
    wire::AppendSimple("PONG", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerEcho(const LocalCall& call) {
  wire::AppendBulk(call.request[1], call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerQuit(const LocalCall& call) {
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kCloseAfterReply;
}

LocalOutcome AnswerSelect(const LocalCall& call) {
  const std::optional<int64_t> database = wire::ParseInteger(call.request[1]);
  if (!database) {
    wire::AppendError("ERR value is not an integer or out of range", call.out);
  } else if (*database != static_cast<int32_t>(*database)) {
    wire::AppendError("ERR value is out of range, value must between -2147483648 and 2147483647", call.out);
  } else if (*database < 0 || *database >= call.listener.databases) {
    wire::AppendError("ERR DB index is out of range", call.out);
  } else if (*database >= call.listener.proved_databases) {
    return LocalOutcome::kAskNodes;
  } else {
    EnterDatabase(static_cast<uint16_t>(*database), &call.client);
    wire::AppendSimple("OK", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerNoCluster(const LocalCall& call) {
  wire::AppendError("ERR This instance has cluster support disabled", call.out);
  return LocalOutcome::kAnswered;
}

// Also READWRITE: where no replica is read, both change nothing.
LocalOutcome AnswerReadOnly(const LocalCall& call) {
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerUnwatch(const LocalCall& call) {
  call.client.flavour.is_pinned = false;
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerMulti(const LocalCall& call) {
  if (call.client.transaction) {
    // Redis leaves the transaction as it is.
    wire::AppendError("ERR MULTI calls can not be nested", call.out);
    return LocalOutcome::kAnswered;
  }
  call.client.transaction = std::make_unique<Transaction>();
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

// A transaction that has something to execute goes to its node and does not come here.
LocalOutcome AnswerExec(const LocalCall& call) {
  const std::unique_ptr<Transaction> transaction = std::move(call.client.transaction);
  // An EXEC or DISCARD that ends a transaction ends what is watched, too.
  if (transaction) call.client.flavour.is_pinned = false;
  if (transaction && transaction->is_aborted()) {
    // Clients know this word for a transaction of which nothing was executed, and nothing was (semantics.md 19).
    wire::AppendError("EXECABORT Transaction discarded because of previous errors.", call.out);
  } else if (transaction) {
    wire::AppendArrayHeader(0, call.out);
  } else {
    wire::AppendError("ERR EXEC without MULTI", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerDiscard(const LocalCall& call) {
  const std::unique_ptr<Transaction> transaction = std::move(call.client.transaction);
  if (transaction) {
    call.client.flavour.is_pinned = false;
    wire::AppendSimple("OK", call.out);
  } else {
    wire::AppendError("ERR DISCARD without MULTI", call.out);
  }
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
