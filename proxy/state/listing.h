// proxy/state/listing.h – What all nodes list for one client: `lru_crawler metadump` and mgdump, `stats cachedump` and
// `stats detail dump`.
//
// Purpose: one node is asked after the other, each over a connection of its own (listing_link.h), and their lines leave
// as they come: nothing but a few KiB is ever kept of them. The list ends as one node's does; a node that fails ends it
// with an error in the place of that, never with a silent gap. Only what clients count by a key's prefix is added up
// before it leaves, and bounded. The latter two give keys as they are, and in the binary protocol a key may be
// anything: one that looks like the end of the list ends its node's part, and nobody else's reply is read out of step.
// It lists the nodes of the moment when it began. Threads: its worker's. Lifetime: that of Listings.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/link/listing_link.h"
#include "backends/ticket.h"
#include "backends/wire/memcache_cas.h"

namespace ringproxy::proxy {

// Who brings lines to the clients.
class ListingReader {
 public:
  virtual ~ListingReader() = default;
  // Bytes that the client has not taken yet; nothing: it has left.
  virtual std::optional<size_t> OnListed(uint32_t session, std::string_view lines) = 0;
  // It has taken nothing for long.
  virtual void CutOff(uint32_t session, std::string_view why) = 0;
};

// The PREFIX lines of `stats detail dump`, added up by prefix in the order of their first appearance.
class PrefixCounts {
 public:
  static constexpr size_t kMostBytes = 1 << 20;

  // Whole lines. False: there are more prefixes than kMostBytes of lines hold.
  bool Add(std::string_view lines);
  void Append(std::string* out) const;

 private:
  static constexpr std::array<std::string_view, 4> kNames = {" get ", " hit ", " set ", " del "};

  bool AddLine(std::string_view line);

  std::vector<std::pair<std::string, std::array<uint64_t, kNames.size()>>> counts_;
  std::unordered_map<std::string, size_t> places_;
  size_t bytes_ = 0;
};

class Listing final : private backends::ListingLink::ListingUser {
 public:
  struct ListedNode {
    backends::NodeSettings settings;
    std::string name;  // As the client is to read it; empty where there is but one node.
    wire::CasTag tag = 0;
  };
  struct ListingRequest {
    uint32_t session;
    backends::Ticket ticket;  // Answered by what ends the list.
    std::string line;         // With its end.
    std::string_view command;
    std::vector<ListedNode> nodes;
  };

  Listing(backends::WorkerIo& io, backends::ReplySink& sink, ListingReader& reader, ListingRequest request);

  void Start();
  // The client has taken some; so much waits for it.
  void OnRoom(size_t waiting);
  // Once a second.
  void Tick();
  // Its client has left.
  void End();
  bool is_over() const { return is_over_; }
  uint32_t session() const { return request_.session; }

 private:
  void OnLines(std::string_view lines) override;
  void OnLastLine(std::string_view line) override;
  void OnListingFailed(wire::ErrorCode code) override;

  void Finish(std::string text);
  // In the words of the node that is asked now.
  void FinishBy(std::string_view line);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  ListingReader& reader_;
  const ListingRequest request_;
  backends::ListingLink link_;
  size_t asked_ = 0;  // Which of the nodes.
  std::string last_;  // What has ended the earlier nodes' lists.
  std::string text_;  // Scratch.
  PrefixCounts prefixes_;
  std::optional<net::TimePoint> held_since_;  // The client has taken nothing since then.
  bool is_over_ = false;
};

}  // namespace ringproxy::proxy
