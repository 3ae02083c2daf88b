// backends/link/handshake.h – What a new node connection says before it carries requests, and what the answers mean.
//
// Redis: AUTH if the pool has a password, then PING: a node that still loads its data accepts connections and answers
// -LOADING, so only +PONG makes a connection ready. Before PING the link is made what its flavour says: HELLO 3, which
// logs in, too; SELECT. A node that is well may refuse just that. memcached: the `set` by which its ASCII
// authentication logs in, then `mn`, or `version` where the server does not know meta commands yet; in binary a no-op,
// whose opcode ends a line for a server that reads text alone. Threads: one owner. No sockets: bytes in, bytes out.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/lane.h"
#include "backends/server_version.h"
#include "conf/config.h"

namespace ringproxy::backends {

class Handshake {
 public:
  // kUnfit: the node refuses the flavour alone, and means nothing else by it.
  enum class HandshakeStep : uint8_t { kMore, kDone, kRefused, kUnfit };

  virtual ~Handshake() = default;

  // A new connection: appends what is to be sent first.
  virtual void Start(std::string* out) = 0;
  // The next reply; appends what is to be sent next, if anything.
  virtual HandshakeStep OnReply(std::string_view reply, std::string* out) = 0;

  // A server says in less what it has against a client; whatever else may answer there.
  static constexpr size_t kMostWords = 512;

  // After kRefused or kUnfit: the node's own words, or the first of them, fit to be logged and shown: without what they
  // repeat of the login.
  const std::string& refusal() const { return refusal_; }

  // After kDone: the server's release, if it was told.
  ServerVersion version() const { return version_; }

 protected:
  void SetVersion(ServerVersion version) { version_ = version; }
  HandshakeStep Refuse(std::string_view why) {
    refusal_ = why.substr(0, kMostWords);
    return HandshakeStep::kRefused;
  }

 private:
  std::string refusal_;
  ServerVersion version_;
};

// `auth` outlives it.
std::unique_ptr<Handshake> NewHandshake(conf::Protocol protocol, const conf::Auth& auth, Flavour flavour = {});

// One request whose reply has to begin with `expected`; `otherwise` is the refusal when it is not an error of its own.
std::unique_ptr<Handshake> NewQuestion(std::string request, std::string expected, std::string otherwise);

}  // namespace ringproxy::backends
