// proxy/route/library_loads.h – FUNCTION LOAD for all nodes of a listener, as if they were one server.
//
// Purpose: a library is on all nodes or, where some have it already, on no more than before: without REPLACE one such
// node makes the whole an error, and those for which the library was new delete it again before the client is answered.
// Any other failure of some nodes is told with how many have it and which have not: LOAD REPLACE may be repeated. What
// was there before is never deleted; but what another client loads under the same name between the two steps is not
// told apart. Threads: its worker's. Lifetime: the sink outlives it. Promise: as the dispatcher's. Bounds: as many
// loads as clients have under way; of a node's error the first kMostWords bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

class LibraryLoads final : public backends::ReplySink {
 public:
  static constexpr size_t kMostWords = 512;
  // An error names no more nodes than these, and says how many more there are.
  static constexpr size_t kMostNamed = 8;

  explicit LibraryLoads(backends::ReplySink& sink) : sink_(sink) {}

  static bool Takes(const wire::CommandSpec& spec) { return spec.name == "function|load"; }
  // To all of them; several.
  void Send(const RoutedRequest& routed, const Origin& origin, std::span<const NodeId> nodes, backends::Ticket ticket);

  // For tickets of Kind::kLibrary.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  size_t open() const { return loads_.in_use(); }

 private:
  struct LibraryLoad {
    backends::Ticket ticket = {};
    SnapshotUse held = {};
    backends::Lane lane = {};
    bool replaces = false;
    bool undoes = false;  // The second step has begun.
    size_t waiting = 0;
    std::vector<NodeId> asked = {};  // By the slots of their tickets.
    std::vector<NodeId> loaded = {};
    std::vector<NodeId> failed = {};
    std::vector<NodeId> kept = {};     // Where the library was new and could not be deleted.
    std::vector<NodeId> unknown = {};  // Of the failed ones, those that may have it now.
    std::string name = {};             // The library's, as nodes tell it.
    std::string exists = {};           // The words of a node that has it already.
    std::string why = {};              // Those of the first other failure.
  };

  void NoteLoaded(LibraryLoad* load, NodeId node, std::string_view reply);
  void Step(uint32_t owner);
  // Where it was new.
  void Undo(uint32_t owner);
  void Answer(uint32_t owner);
  static std::string Words(const LibraryLoad& load);
  static void AppendNames(const LibraryLoad& load, std::span<const NodeId> nodes, std::string* text);

  backends::ReplySink& sink_;
  net::PlaceList<LibraryLoad> loads_;
};

}  // namespace ringproxy::proxy
