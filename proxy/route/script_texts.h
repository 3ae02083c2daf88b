// proxy/route/script_texts.h – The texts of scripts by their SHA-1, and which nodes are known to have them.
//
// Purpose: with its text a script runs on a node that does not have it. Texts are kept by scope, which is a set of
// pools that clients see as one server. What is known of a node ends with any of its connections: see LoadMark.
// Threads: one owner; a text itself never changes and is shared by workers. Bounds: all texts together, with what is
// remembered of each, take at most most_bytes; those that were not used for longest go first.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/lane.h"

namespace ringproxy::proxy {

using ScriptText = std::shared_ptr<const std::string>;

// What is known of a script at a node.
struct LoadMark {
  enum class LoadState : uint8_t {
    kUnknown,
    kUnderWay,  // A request of `lane` brings it, so that lane's next ones find it there.
    kLoaded,
  };
  LoadState state = LoadState::kUnknown;
  backends::Lane lane{};
  // Of the node's connections; with another one it may be another server, which has no scripts.
  uint64_t generation = 0;

  bool IsLoaded(uint64_t now) const { return state == LoadState::kLoaded && generation == now; }
  bool IsUnderWay(uint64_t now, const backends::Lane& over) const {
    return state == LoadState::kUnderWay && generation == now && lane.number == over.number &&
           lane.flavour == over.flavour;
  }
};

class ScriptTexts {
 public:
  struct Script {
    uint64_t scope;
    std::string sha;  // In lower case.
    ScriptText text;
    std::vector<LoadMark> marks = {};  // By node.
    // The lane whose EVAL of it is not answered yet: nobody else is given a text that may be none.
    std::optional<uint32_t> proposed_by = std::nullopt;
    bool MayUse(const backends::Lane& lane) const { return !proposed_by || *proposed_by == lane.number; }
  };

  explicit ScriptTexts(size_t most_bytes) : most_bytes_(most_bytes) {}

  // A text of such a size can be kept, if others go.
  bool MayHold(size_t text_bytes) const { return CostOf(text_bytes) <= most_bytes_; }
  // Keeps it, unless it cannot be held. Others may go.
  void Learn(uint64_t scope, std::string_view sha, ScriptText text);
  // The same for that lane alone, and until it is learnt or withdrawn. The result is as of Find.
  Script* Propose(uint64_t scope, std::string_view sha, ScriptText text, const backends::Lane& lane);
  void Withdraw(uint64_t scope, std::string_view sha);
  // Which counts as a use, also one that is only proposed; nullptr: there is none. Valid until the next call that is
  // not const.
  Script* Find(uint64_t scope, std::string_view sha);
  bool Knows(uint64_t scope, std::string_view sha) const;
  // All texts of these scopes.
  void Forget(std::span<const uint64_t> scopes);
  // There are so many nodes now, and nothing is known of any.
  void ResetMarks(size_t nodes);

  size_t most_bytes() const { return most_bytes_; }
  size_t bytes() const { return scripts_.size() * CostOf(0) + text_bytes_; }
  size_t count() const { return scripts_.size(); }

 private:
  using Scripts = std::list<Script>;

  using ScriptKey = std::pair<uint64_t, std::string>;  // Its scope and its SHA-1.
  // About what the entries of both tables take.
  static constexpr size_t kEntryBytes = 320;
  size_t CostOf(size_t text_bytes) const { return text_bytes + kEntryBytes + nodes_ * sizeof(LoadMark); }
  void Drop(Scripts::iterator script);
  void MakeRoom(size_t more);

  size_t most_bytes_;
  size_t nodes_ = 0;
  size_t text_bytes_ = 0;
  Scripts scripts_;  // Those that were used last come first.
  std::map<ScriptKey, Scripts::iterator> index_;
};

}  // namespace ringproxy::proxy
