// What a connection says of itself: PING, QUIT, RESET, SELECT, HELLO, AUTH, and the ends of transactions.
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

// A server without users has one, `default`, whom any password lets in.
bool Authenticate(std::string_view user, std::string* out) {
  if (user == "default") return true;
  wire::AppendError("WRONGPASS invalid username-password pair or user is disabled.", out);
  return false;
}

}  // namespace

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

LocalOutcome AnswerReset(const LocalCall& call) {
  if (call.client.labels) call.client.labels->name.clear();  // The library behind the connection stays the same.
  call.client.no_evict = false;
  // RESET leaves a transaction and selects database 0, so client and proxy agree again.
  call.client.refused.Clear();
  // A SKIP is left as it is: it still holds for the reply to this very command.
  if (call.client.reply_mode == ReplyMode::kOff) call.client.reply_mode = ReplyMode::kOn;
  wire::AppendSimple("RESET", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerSelect(const LocalCall& call) {
  const std::optional<int64_t> database = wire::ParseInteger(call.request[1]);
  if (!database) {
    wire::AppendError("ERR value is not an integer or out of range", call.out);
  } else if (*database != static_cast<int32_t>(*database)) {
    wire::AppendError("ERR value is out of range, value must between -2147483648 and 2147483647", call.out);
  } else if (*database < 0) {
    wire::AppendError("ERR DB index is out of range", call.out);
  } else if (*database > 0) {
    call.client.refused.RefuseDatabase(static_cast<int32_t>(*database));
    wire::AppendNotSupported(
        "select", "there is only database 0; give the keys a prefix, or the data a pool of its own", call.out);
    return LocalOutcome::kRefused;
  } else {
    call.client.refused.SelectDatabaseZero();
    wire::AppendSimple("OK", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerAuth(const LocalCall& call) {
  if (call.request.size() > 3) {
    wire::AppendError("ERR syntax error", call.out);
    return LocalOutcome::kAnswered;
  }
  // The words of a Redis without a password, by which clients know that they need none (semantics.md 33).
  if (call.request.size() == 2) {
    wire::AppendError(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?",
        call.out);
    return LocalOutcome::kRefused;
  }
  if (!Authenticate(call.request[1], call.out)) return LocalOutcome::kRefused;
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerAsking(const LocalCall& call) {
  wire::AppendError("ERR This instance has cluster support disabled", call.out);
  return LocalOutcome::kAnswered;
}

// Also READWRITE: where no replica is read, both change nothing.
LocalOutcome AnswerReadOnly(const LocalCall& call) {
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerUnwatch(const LocalCall& call) {
  call.client.refused.Unwatch();
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerExec(const LocalCall& call) {
  if (call.client.refused.EndTransaction()) {
    // Clients know this word for a transaction of which nothing was executed, and nothing was (semantics.md 19).
    wire::AppendError("EXECABORT Transaction discarded because of previous errors.", call.out);
  } else {
    wire::AppendError("ERR EXEC without MULTI", call.out);
  }
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerDiscard(const LocalCall& call) {
  if (call.client.refused.EndTransaction()) {
    wire::AppendSimple("OK", call.out);
  } else {
    wire::AppendError("ERR DISCARD without MULTI", call.out);
  }
  return LocalOutcome::kAnswered;
}

namespace {

struct HelloOptions {
  std::optional<std::string_view> name;
  std::optional<std::string_view> user;
};

// The options after HELLO's version. False, and an error appended, if they are not right.
bool ReadHelloOptions(const LocalCall& call, HelloOptions* options) {
  const wire::Request& request = call.request;
  for (size_t i = 2; i < request.size(); ++i) {
    const size_t more = request.size() - i - 1;
    if (more >= 2 && wire::EqualsIgnoringCase(request[i], "auth")) {
      options->user = request[i + 1];
      i += 2;
    } else if (more >= 1 && wire::EqualsIgnoringCase(request[i], "setname")) {
      options->name = request[++i];
    } else {
      wire::AppendError(std::string("ERR Syntax error in HELLO option '").append(request[i]).append("'"), call.out);
      return false;
    }
  }
  return true;
}

}  // namespace

LocalOutcome AnswerHello(const LocalCall& call) {
  HelloOptions options;
  if (call.request.size() > 1) {
    const std::optional<int64_t> version = wire::ParseInteger(call.request[1]);
    if (!version) {
      wire::AppendError("ERR Protocol version is not an integer or out of range", call.out);
      return LocalOutcome::kAnswered;
    }
    if (*version != 2) {
      // Most libraries fall back to the older protocol upon this word (semantics.md 15).
      wire::AppendError("NOPROTO unsupported protocol version", call.out);
      return LocalOutcome::kRefused;
    }
    if (!ReadHelloOptions(call, &options)) return LocalOutcome::kAnswered;
  }
  // All options were read before any of them takes effect, so a mistake changes nothing.
  if (options.user && !Authenticate(*options.user, call.out)) return LocalOutcome::kRefused;
  if (options.name && !SetClientName(*options.name, call.client, call.out)) return LocalOutcome::kAnswered;
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"server", "redis"}, {"version", kRedisVersion}, {"mode", "standalone"}, {"role", "master"}};
  // Clients ask for fields by name, so their order is free.
  wire::AppendArrayHeader(2 * (std::size(kTexts) + 3), call.out);
  for (const auto& [field, value] : kTexts) {
    wire::AppendBulk(field, call.out);
    wire::AppendBulk(value, call.out);
  }
  wire::AppendBulk("proto", call.out);
  wire::AppendInteger(2, call.out);
  wire::AppendBulk("id", call.out);
  wire::AppendInteger(static_cast<int64_t>(call.client.id), call.out);
  wire::AppendBulk("modules", call.out);
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
