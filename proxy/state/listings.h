// proxy/state/listings.h – The lists that clients of one worker are reading: see listing.h.
//
// Threads: its worker's. Lifetime: all that it is given outlives it. Bounds: kMost at a time, one a client; a server
// makes one list at a time anyway.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/route/routed_request.h"
#include "proxy/state/listing.h"

namespace ringproxy::proxy {

class Listings {
 public:
  static constexpr size_t kMost = 8;

  Listings(backends::WorkerIo& io, backends::ReplySink& sink, std::unique_ptr<ListingReader> reader)
      : io_(io), sink_(sink), reader_(std::move(reader)) {}

  // Of all nodes of the listener; the ticket is answered by what ends the list. Nothing is listed while a node is known
  // to be down. Requires: the session has no other request under way.
  void Start(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // The client has taken some of its output, and so much is left.
  void OnRoom(uint32_t session, size_t waiting);
  // The client has left.
  void End(uint32_t session);
  // About once a second.
  void Tick();

 private:
  // nullptr: it reads no list.
  Listing* Find(uint32_t session);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  std::unique_ptr<ListingReader> reader_;
  // One that is over stays until the next tick: it may be on the stack.
  std::vector<std::unique_ptr<Listing>> listings_;
};

}  // namespace ringproxy::proxy
