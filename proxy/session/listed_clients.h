// proxy/session/listed_clients.h – Brings the lines of lists to the clients that read them.
//
// Threads: its worker's. Lifetime: the worker's io and its sessions outlive it.
#pragma once

#include "proxy/session/session_table.h"
#include "proxy/state/listing.h"

namespace ringproxy::proxy {

class ListedClients final : public ListingReader {
 public:
  ListedClients(backends::WorkerIo& io, SessionTable& sessions) : io_(io), sessions_(sessions) {}

  std::optional<size_t> OnListed(uint32_t owner, std::string_view lines) override {
    Session& session = sessions_.At(owner);
    if (!io_.memory.HasRoomForReply(0, lines.size())) {
      session.CutOff("there is no memory for a list to it");
      return std::nullopt;
    }
    session.requests().OnMessage(backends::Reply(lines));
    // Not at the end of the turn: whoever lists goes by what the client takes.
    session.Flush(true);
    return session.closed() ? std::nullopt : std::optional(session.reply_bytes());
  }
  void CutOff(uint32_t owner, std::string_view why) override { sessions_.At(owner).CutOff(why); }

 private:
  backends::WorkerIo& io_;
  SessionTable& sessions_;
};

}  // namespace ringproxy::proxy
