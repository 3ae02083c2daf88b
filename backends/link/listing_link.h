// backends/link/listing_link.h – A connection to a memcached node for one reply of any length, handed over by lines.
//
// Purpose: `lru_crawler metadump` lists all that a server holds, and the server writes nothing else meanwhile. Such a
// reply would keep all who share a link waiting, and would not fit into memory; and what it repeats are bytes that
// clients have chosen, which must not be taken for other clients' replies. So each has a connection, which closes with
// it, and is read no faster than somebody takes the lines.
// Threads: its loop's. Lifetime: io and the user outlive it. It is not destroyed within its user's calls, but may be
// closed. Bounds: kAtOnce bytes at a time; a line of kLongestLine is none of a server's. Time: conf::TotalOf until the
// node is asked, then conf::LongestOf of its silence.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/link/handshake.h"
#include "backends/net/input_buffer.h"
#include "backends/net/loop.h"
#include "backends/net/send_queue.h"
#include "backends/node_settings.h"
#include "backends/wire/error_text.h"
#include "backends/worker_io.h"

namespace ringproxy::backends {

class ListingLink final : private net::StreamObserver {
 public:
  static constexpr size_t kAtOnce = 16 << 10;
  static constexpr size_t kLongestLine = 8 << 10;

  class ListingUser {
   public:
    // Whole lines of the list, with their ends; before them, of newer servers, an OK.
    virtual void OnLines(std::string_view lines) = 0;
    // What ends it, without its line end: END, EN, or what the node says instead. The link is closed.
    virtual void OnLastLine(std::string_view line) = 0;
    // The link is closed before that.
    virtual void OnListingFailed(wire::ErrorCode code) = 0;

   protected:
    ~ListingUser() = default;
  };

  ListingLink(WorkerIo& io, ListingUser& user);

  // `request`: a line with its end. `item`: how each line of the list begins. Requires: closed.
  void Start(const NodeSettings& settings, std::string request, std::string_view item);
  // Nothing is read while it is held, and no time counts.
  void Hold(bool is_held);
  void Close();

 private:
  void OnConnected(int error) override;
  void OnReadable() override;
  void OnWritable() override { Flush(); }

  void Say(std::string_view text);
  void Flush();
  // False: the link is closed.
  bool Greet();
  void TakeLines();
  void Fail(wire::ErrorCode code);

  WorkerIo& io_;
  ListingUser& user_;
  NodeSettings settings_;
  std::string request_;
  std::string item_;
  bool has_begun_ = false;  // A line has come.
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<Handshake> handshake_;  // Until the node is greeted.
  net::InputBuffer input_;
  net::SendQueue said_;
  std::unique_ptr<net::Timer> timer_;
};

}  // namespace ringproxy::backends
