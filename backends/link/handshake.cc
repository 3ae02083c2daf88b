#include "backends/link/handshake.h"

#include <algorithm>

#include "backends/wire/fault.h"
#include "backends/wire/memcache_reply.h"
#include "backends/wire/resp_encode.h"

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

class RedisHandshake final : public Handshake {
 public:
  explicit RedisHandshake(const conf::Auth& auth) : auth_(auth) {}

  void Start(std::string* out) override {
    // AUTH and PING leave together, so that a greeting takes one round trip.
    replies_ = 1;
    if (!auth_.password_file.empty()) {
      // Servers before Redis 6 know no user names, and refuse the longer form.
      wire::AppendArrayHeader(auth_.username.empty() ? 2 : 3, out);
      wire::AppendBulk("AUTH", out);
      if (!auth_.username.empty()) wire::AppendBulk(auth_.username, out);
      wire::AppendBulk(auth_.password, out);
      ++replies_;
    }
    wire::AppendArrayHeader(1, out);
    wire::AppendBulk("PING", out);
  }

  HandshakeStep OnReply(std::string_view reply, std::string*) override {
    const bool is_last = --replies_ == 0;
    if (is_last && wire::IsAliveToPing(reply)) return HandshakeStep::kDone;
    // The line without its type and its end; a node that answers anything else is no Redis server.
    if (reply.starts_with('-')) return Refuse(WithoutSecret(reply.substr(1, reply.find('\r') - 1), auth_.password));
    return reply.starts_with('+') ? HandshakeStep::kMore : Refuse("unexpected reply");
  }

 private:
  const conf::Auth& auth_;
  size_t replies_ = 0;  // Still to come.
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

class Question final : public Handshake {
 public:
  Question(std::string request, std::string expected, std::string otherwise)
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
  return std::make_unique<Question>(std::move(request), std::move(expected), std::move(otherwise));
}

std::unique_ptr<Handshake> NewHandshake(conf::Protocol protocol, const conf::Auth& auth) {
  if (protocol == conf::Protocol::kMemcached) return std::make_unique<MemcacheHandshake>(auth);
  return std::make_unique<RedisHandshake>(auth);
}

}  // namespace ringproxy::backends
