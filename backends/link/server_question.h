// backends/link/server_question.h – Asks a Redis server for its release, by HELLO without arguments, and whether it
// runs transactions, by an empty one.
//
// Purpose: what clients are told of the nodes, and which commands those know. A server before Redis 6 does not know
// HELLO, and its release stays unknown. One whose user may not MULTI, or that calls MULTI or EXEC by another name,
// would execute the commands of a transaction one by one, or take those of strangers for a part of it. Threads: one
// owner.
#pragma once

#include <string>
#include <string_view>

#include "backends/link/handshake.h"

namespace ringproxy::backends {

class ServerQuestion final : public Handshake {
 public:
  void Start(std::string* out) override;
  // kDone in the end, whatever it says: a server that does not tell, or runs no transactions, is as well as before.
  HandshakeStep OnReply(std::string_view reply, std::string* out) override;

  // Whether the last answer was that it runs no transactions.
  bool refuses_transactions() const { return refuses_transactions_; }
  // The connection was left within one, and nothing more may be asked over it.
  bool is_left_open() const { return refuses_transactions_ && is_begun_; }

 private:
  enum class NextReply : uint8_t { kHello, kMulti, kExec };

  NextReply next_ = NextReply::kHello;
  bool is_begun_ = false;  // By MULTI.
  bool refuses_transactions_ = false;
};

}  // namespace ringproxy::backends
