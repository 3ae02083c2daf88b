#include "backends/link/handshake.h"

#include <algorithm>
#include <string>
#include <vector>

#include "backends/wire/fault.h"
#include "backends/wire/memcache_binary.h"
#include "backends/wire/memcache_reply.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::backends {
namespace {

// These are the same whatever the password is, though it may be one of their words.
constexpr std::string_view kHarmless[] = {
    "WRONGPASS invalid username-password pair or user is disabled.",
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration "
    "is correct?",
    "ERR Client sent AUTH, but no password is set",
    "ERR invalid password",
    "NOAUTH Authentication required.",
    "CLIENT_ERROR authentication failure",
};

// A node's answer to a login, fit for the log and the admin port. A server that does not know AUTH, or calls it by
// another name, answers with the arguments, at most 128 bytes of them; what else it repeats is cut off as well.
std::string WithoutSecret(std::string_view words, std::string_view password) {
  if (std::ranges::find(kHarmless, words) != std::end(kHarmless)) return std::string(words);
  // More than is kept, so that a password on which the cut falls is still known by its first bytes.
  words = words.substr(0, 2 * Handshake::kMostWords);
  words = words.substr(0, words.find(", with args beginning with"));
  // Fewer bytes are in half of all sentences, and no secret.
  constexpr size_t kLeast = 4;
  constexpr size_t kTelling = 8;
  for (size_t size = password.size(); size >= std::clamp(password.size(), kLeast, kTelling); --size) {
    const size_t at = words.find(password.substr(0, size));
    if (at != std::string_view::npos) return std::string(words.substr(0, at)) + "... (the rest repeats the login)";
  }
  return std::string(words);
}

// What a server before Redis 6, which knows no HELLO, would say if it knew that there is a third protocol.
constexpr std::string_view kNoProtocol = "NOPROTO unsupported protocol version";

class RedisHandshake final : public Handshake {
 public:
  RedisHandshake(const conf::Auth& auth, Flavour flavour) : auth_(auth), flavour_(flavour) {}

  void Start(std::string* out) override {
    // All leave together, so that a greeting takes one round trip. Nothing of it does any harm where an earlier part
    // was refused.
    to_come_ = {};
    SetVersion({});
    if (flavour_.protocol == 3) {
      AppendHello(out);
    } else if (!auth_.password_file.empty()) {
      AppendAuth(out);
    }
    if (flavour_.database != 0) Append({"SELECT", std::to_string(flavour_.database)}, GreetingPart::kSelect, out);
    Append({"PING"}, GreetingPart::kPing, out);
  }

  HandshakeStep OnReply(std::string_view reply, std::string*) override {
    const GreetingPart part = to_come_.empty() ? GreetingPart::kPing : to_come_.front();
    if (!to_come_.empty()) to_come_.erase(to_come_.begin());
    if (part == GreetingPart::kPing && wire::IsAliveToPing(reply)) return HandshakeStep::kDone;
    // The line without its type and its end; a node that answers anything else is no Redis server.
    if (reply.starts_with('-')) return OnError(part, reply);
    if (part == GreetingPart::kHello) return OnHello(reply);
    const bool goes_on = reply.starts_with('+') && !to_come_.empty();
    return goes_on ? HandshakeStep::kMore : Refuse("unexpected reply");
  }

 private:
  enum class GreetingPart : uint8_t { kAuth, kHello, kSelect, kPing };

  void Append(const std::vector<std::string_view>& words, GreetingPart part, std::string* out) {
    wire::AppendArrayHeader(words.size(), out);
    for (const std::string_view word : words) wire::AppendBulk(word, out);
    to_come_.push_back(part);
  }
  void AppendAuth(std::string* out) {
    // Servers before Redis 6 know no user names, and refuse the longer form.
    if (auth_.username.empty()) return Append({"AUTH", auth_.password}, GreetingPart::kAuth, out);
    Append({"AUTH", auth_.username, auth_.password}, GreetingPart::kAuth, out);
  }
  void AppendHello(std::string* out) {
    if (auth_.password_file.empty()) return Append({"HELLO", "3"}, GreetingPart::kHello, out);
    const std::string_view user = auth_.username.empty() ? "default" : std::string_view(auth_.username);
    Append({"HELLO", "3", "AUTH", user, auth_.password}, GreetingPart::kHello, out);
  }

  HandshakeStep OnHello(std::string_view reply) {
    // One that is shown as an array comes from a server that goes on in RESP2.
    if (!reply.starts_with('%')) return BeUnfit(kNoProtocol);
    SetVersion(ServerVersion::Parse(wire::FieldOf(reply, "version").value_or(""),
                                    wire::FieldOf(reply, "server").value_or("")));
    return HandshakeStep::kMore;
  }

  HandshakeStep OnError(GreetingPart part, std::string_view reply) {
    const std::string_view error = reply.substr(1, reply.find('\r') - 1);
    const std::string words = WithoutSecret(error, auth_.password);
    // A script that keeps the node from a SELECT ends some time, and the link is not to be waited for any longer then.
    const bool is_of_node = wire::RedisFault(reply) != wire::Fault::kNone || error.starts_with("NOAUTH") ||
                            error.starts_with("BUSY ") || error == "ERR max number of clients reached";
    if (is_of_node) return Refuse(words);
    if (part == GreetingPart::kSelect) return BeUnfit(words);
    if (part != GreetingPart::kHello) return Refuse(words);
    if (error.starts_with("ERR unknown command")) return BeUnfit(kNoProtocol);
    return error.starts_with("NOPROTO") || error.starts_with("NOPERM") ? BeUnfit(words) : Refuse(words);
  }

  HandshakeStep BeUnfit(std::string_view words) {
    Refuse(words);
    return HandshakeStep::kUnfit;
  }

  const conf::Auth& auth_;
  const Flavour flavour_;
  std::vector<GreetingPart> to_come_;  // Replies.
};

class MemcacheHandshake final : public Handshake {
 public:
  explicit MemcacheHandshake(const conf::Auth& auth) : auth_(auth) {}

  void Start(std::string* out) override {
    if (auth_.password_file.empty()) {
      expected_ = "MN";
      out->append(kProbe);
      return;
    }
    expected_ = "STORED";
    const std::string credentials = auth_.username + " " + auth_.password;
    // memcached takes the first set of a connection for the login, whatever its key and flags are.
    out->append("set auth 0 0 ").append(std::to_string(credentials.size())).append("\r\n");
    out->append(credentials).append("\r\n");
  }

  HandshakeStep OnReply(std::string_view reply, std::string* out) override {
    const std::string_view line = wire::TakeLine(&reply);
    if (!line.starts_with(expected_)) {
      // ERROR may tell of a server that is too old for mn, but a login that is not understood is refused.
      if (line != "ERROR" || expected_ == "STORED") return Refuse(WithoutSecret(line, auth_.password));
      if (expected_ == kVersion) return HandshakeStep::kDone;  // It knows neither question, and has answered both.
      out->append("version\r\n");
      expected_ = kVersion;
      return HandshakeStep::kMore;
    }
    if (expected_ != "STORED") return HandshakeStep::kDone;
    out->append(kProbe);
    expected_ = "MN";
    return HandshakeStep::kMore;
  }

 private:
  static constexpr std::string_view kProbe = "mn\r\n";
  static constexpr std::string_view kVersion = "VERSION ";

  const conf::Auth& auth_;
  std::string_view expected_;
};

class BinaryHandshake final : public Handshake {
 public:
  void Start(std::string* out) override {
    static_assert(static_cast<char>(wire::BinaryOpcode::kNoop) == '\n');
    wire::AppendBinaryNoop(out);
  }

  HandshakeStep OnReply(std::string_view reply, std::string*) override {
    if (wire::HasBinaryStatus(reply, wire::BinaryStatus::kSuccess)) return HandshakeStep::kDone;
    // It is well, and speaks text alone or wants a login by SASL.
    const bool is_packet = wire::IsBinaryReply(reply);
    const bool is_unfit = is_packet ? wire::HasBinaryStatus(reply, wire::BinaryStatus::kAuthError) ||
                                          wire::HasBinaryStatus(reply, wire::BinaryStatus::kUnknownCommand)
                                    : reply.starts_with("ERROR") || reply.starts_with("CLIENT_ERROR");
    Refuse(is_packet ? reply.substr(wire::kBinaryHeaderBytes) : wire::TakeLine(&reply));
    return is_unfit ? HandshakeStep::kUnfit : HandshakeStep::kRefused;
  }
};

class SingleQuestion final : public Handshake {
 public:
  SingleQuestion(std::string request, std::string expected, std::string otherwise)
      : request_(std::move(request)), expected_(std::move(expected)), otherwise_(std::move(otherwise)) {}

  void Start(std::string* out) override { out->append(request_); }
  HandshakeStep OnReply(std::string_view reply, std::string*) override {
    if (reply.starts_with(expected_)) return HandshakeStep::kDone;
    if (!reply.starts_with('-')) return Refuse(otherwise_);
    return Refuse(reply.substr(1, reply.find('\r') - 1));
  }

 private:
  std::string request_;
  std::string expected_;
  std::string otherwise_;
};

}  // namespace

std::unique_ptr<Handshake> NewQuestion(std::string request, std::string expected, std::string otherwise) {
  return std::make_unique<SingleQuestion>(std::move(request), std::move(expected), std::move(otherwise));
}

std::unique_ptr<Handshake> NewHandshake(conf::Protocol protocol, const conf::Auth& auth, Flavour flavour) {
  if (flavour.is_binary()) return std::make_unique<BinaryHandshake>();
  if (protocol == conf::Protocol::kMemcached) return std::make_unique<MemcacheHandshake>(auth);
  return std::make_unique<RedisHandshake>(auth, flavour);
}

}  // namespace ringproxy::backends
