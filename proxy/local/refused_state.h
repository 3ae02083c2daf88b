// proxy/local/refused_state.h – What a client's connection remembers of what it was refused.
//
// Purpose: clients pipeline what follows a MULTI or a SELECT, and many go on after an error. Whatever such a client
// takes for a part of a transaction, or for another database's business, is refused until the client and the proxy
// agree again about where the connection stands. Threads: its session's. Pure: it owns nothing and reads no clock.
#pragma once

#include <cstdint>

#include "backends/wire/command.h"

namespace ringproxy::proxy {

class RefusedState {
 public:
  // Why a well-formed request must not be executed on this connection.
  enum class Reason : uint8_t { kNone, kTransaction, kUnwatched, kDatabase };

  Reason ReasonAgainst(const wire::CommandSpec& spec) const { return is_clear() ? Reason::kNone : ReasonOf(spec); }
  // No request is refused for what was refused before.
  bool is_clear() const { return database_ == 0 && !in_transaction_ && !next_multi_; }
  // A request of this row, for whichever reason, has been refused. A database's number comes by RefuseDatabase.
  void OnRefused(const wire::CommandSpec& spec);
  // SELECT of `database`, which is not 0, was refused.
  void RefuseDatabase(int32_t database) { database_ = database; }
  void SelectDatabaseZero() { database_ = 0; }
  void Unwatch() { next_multi_ = false; }
  // EXEC or DISCARD. True: they end a transaction that was refused at its MULTI.
  bool EndTransaction();
  void Clear() { *this = {}; }

  // The database whose SELECT was refused, 0 if none was.
  int32_t database() const { return database_; }

 private:
  Reason ReasonOf(const wire::CommandSpec& spec) const;

  int32_t database_ = 0;
  bool in_transaction_ = false;
  bool next_multi_ = false;  // A WATCH was refused: the next transaction would run unwatched.
};

}  // namespace ringproxy::proxy
