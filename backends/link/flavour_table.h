// backends/link/flavour_table.h – A worker's links to one node that are not plain: those of other protocols and
// databases.
//
// Purpose: opens the links of a flavour when they are first needed, at most so many flavours at once: for a further one
// the least recently used closes that has nothing under way. One that nobody has used for kKept closes, too, so that
// its descriptors come back. Threads: its worker's. Lifetime: all that it is given outlives it. Memory: one group more
// than may be in use, which is closing; groups are kept and used again, never freed, so that whoever is on the stack or
// in a flush list stays valid.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "backends/lane.h"
#include "backends/link/link_group.h"

namespace ringproxy::backends {

class FlavourTable {
 public:
  // Without a request.
  static constexpr std::chrono::seconds kKept{60};

  // `count`: the links of each flavour.
  FlavourTable(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, uint32_t count)
      : parts_(parts), guard_(guard), sink_(sink), count_(count) {}

  // The links of the flavour, to be used now; nullptr: there are none, and none may be opened, since as many as
  // settings.flavours_per_node are in use or the node is being left. Requires: not plain.
  LinkGroup* Find(Flavour flavour) {
    // Nearly always the one that was used last, or one of few: nothing is hashed, and nothing allocated.
    if (last_ != nullptr && last_->flavour == flavour) [[likely]]
      return Use(*last_);
    return FindOther(flavour);
  }

  // All of them close, and none is opened before Reopen.
  void Drain();
  void Reopen();
  bool takes() const { return takes_; }
  void Hurry();
  // Once a second.
  void Tick();

  NodeConnection* AnyReady() const;
  bool is_closed() const;
  size_t in_flight() const;
  // Flavours in use.
  size_t size() const;

 private:
  struct FlavourEntry {
    std::unique_ptr<LinkGroup> links;
    Flavour flavour{};          // Plain: of none. It is closed, or about to be.
    uint64_t used = 0;          // uses_ when it was used last.
    uint64_t seen = 0;          // What that was with the last tick.
    uint32_t idle_seconds = 0;  // Ticks that found it unused.
  };

  LinkGroup* Use(FlavourEntry& entry) {
    entry.used = ++uses_;
    return entry.links.get();
  }
  LinkGroup* FindOther(Flavour flavour);
  // Sees to it that one more may be in use.
  bool MakeRoom();
  // Closes one that nobody uses; its place may be taken at once, or once the reply on the stack is done with.
  static void Close(FlavourEntry& entry);
  FlavourEntry& FreeEntry();

  const NodeLink::LinkParts parts_;
  NodeGuard& guard_;
  ReplySink& sink_;
  uint32_t count_;
  std::vector<std::unique_ptr<FlavourEntry>> entries_;
  FlavourEntry* last_ = nullptr;
  uint64_t uses_ = 0;
  bool takes_ = true;
};

}  // namespace ringproxy::backends
