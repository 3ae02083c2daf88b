// Who a connection is and what it speaks: AUTH, HELLO, RESET.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

// False, and an error appended, if they do not let the client in.
bool Authenticate(const LocalCall& call, std::string_view user, std::string_view password) {
  PasswordGate& gate = call.listener.gate;
  // A server without a password has one user, `default`, whom any password lets in.
  PasswordGate::Entry entry{user == "default" ? PasswordGate::LoginVerdict::kRight
                                              : PasswordGate::LoginVerdict::kWrong};
  if (!gate.is_open()) entry = gate.Try(user, password, call.client.ip, call.view.now());
  switch (entry.verdict) {
    case PasswordGate::LoginVerdict::kRight: call.client.refused.LogIn(); return true;
    case PasswordGate::LoginVerdict::kWrong: wire::AppendRedisError({wire::ErrorCode::kWrongPassword}, call.out); break;
    case PasswordGate::LoginVerdict::kTooSoon: {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(entry.wait).count();
      wire::AppendError(
          "WRONGPASS too many wrong passwords from this address: try again in " + std::to_string(seconds) + " seconds",
          call.out);
    }
  }
  return false;
}

struct HelloOptions {
  uint8_t protocol = 2;
  std::optional<std::string_view> name = {};
  std::optional<std::string_view> user = {};
  std::string_view password = {};
};

// False, and an error appended, if they are not right.
bool ReadHelloOptions(const LocalCall& call, HelloOptions* options) {
  const wire::Request& request = call.request;
  if (request.size() == 1) return true;
  const std::optional<int64_t> version = wire::ParseInteger(request[1]);
  if (!version) {
    wire::AppendError("ERR Protocol version is not an integer or out of range", call.out);
    return false;
  }
  // The protocol of the node that knows least is all that every key has.
  constexpr backends::ServerVersion kFirstWithHello(6, 0, 0);
  if (*version != 2 && (*version != 3 || call.redis_version() < kFirstWithHello)) {
    // Most libraries fall back to the older protocol upon this word (semantics.md 15).
    wire::AppendError("NOPROTO unsupported protocol version", call.out);
    return false;
  }
  options->protocol = static_cast<uint8_t>(*version);
  for (size_t i = 2; i < request.size(); ++i) {
    const size_t more = request.size() - i - 1;
    if (more >= 2 && wire::EqualsIgnoringCase(request[i], "auth")) {
      options->user = request[i + 1];
      options->password = request[i + 2];
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

LocalOutcome AnswerAuth(const LocalCall& call) {
  const wire::Request& request = call.request;
  if (request.size() > 3) {
    wire::AppendError("ERR syntax error", call.out);
    return LocalOutcome::kAnswered;
  }
  // The words of a Redis without a password, by which clients know that they need none (semantics.md 33).
  if (request.size() == 2 && call.listener.gate.is_open()) {
    wire::AppendError(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?",
        call.out);
    return LocalOutcome::kRefused;
  }
  const std::string_view user = request.size() == 2 ? "default" : request[1];
  if (!Authenticate(call, user, request[request.size() - 1])) return LocalOutcome::kWrongPassword;
  wire::AppendSimple("OK", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerReset(const LocalCall& call) {
  if (call.client.labels) call.client.labels->name.clear();  // The library behind the connection stays the same.
  call.client.no_evict = call.client.no_touch = false;
  call.client.moving_news = MovingNews::kUnwanted;
  // RESET speaks RESP2, leaves a transaction and selects database 0, so client and proxy agree again.
  call.client.flavour = {};
  call.client.transaction.reset();
  call.client.refused.Clear();
  if (!call.listener.gate.is_open()) call.client.refused.NeedLogin();
  // A SKIP is left as it is: it still holds for the reply to this very command.
  if (call.client.reply_mode == ReplyMode::kOff) call.client.reply_mode = ReplyMode::kOn;
  wire::AppendSimple("RESET", call.out);
  return LocalOutcome::kAnswered;
}

LocalOutcome AnswerHello(const LocalCall& call) {
  HelloOptions options{.protocol = call.protocol()};
  // All options are read before any of them takes effect, so a mistake changes nothing.
  if (!ReadHelloOptions(call, &options)) return LocalOutcome::kAnswered;
  if (options.name && !IsClientName(*options.name, call.out)) return LocalOutcome::kAnswered;
  if (options.user && !Authenticate(call, *options.user, options.password)) return LocalOutcome::kWrongPassword;
  if (call.client.refused.needs_login()) {
    wire::AppendError(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> "
        "option can be used to authenticate the client and select the RESP protocol version at the same time",
        call.out);
    return LocalOutcome::kAnswered;
  }
  if (options.name) SetClientName(*options.name, call.client);
  call.client.flavour.protocol = options.protocol;
  const auto field = [&call](std::string_view name, std::string_view value) {
    wire::AppendBulk(name, call.out);
    wire::AppendBulk(value, call.out);
  };
  // In Redis' order, though clients ask for fields by name.
  wire::AppendMapHeader(7, call.protocol(), call.out);
  field("server", "redis");
  field("version", call.redis_version().text());
  wire::AppendBulk("proto", call.out);
  wire::AppendInteger(call.protocol(), call.out);
  wire::AppendBulk("id", call.out);
  wire::AppendInteger(static_cast<int64_t>(call.client.id), call.out);
  field("mode", "standalone");
  field("role", "master");
  wire::AppendBulk("modules", call.out);
  wire::AppendArrayHeader(0, call.out);
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
