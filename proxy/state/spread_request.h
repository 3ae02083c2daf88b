// proxy/state/spread_request.h – A blocking command whose keys lie on several nodes, and what each node is asked of it.
//
// Purpose: keeps a copy of the request, since it waits, and makes the same command about some of its keys, with another
// time to wait. Threads: its owner's. Lifetime: views of keys live as long as this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"

namespace ringproxy::proxy {

class SpreadRequest {
 public:
  enum class SpreadKind : uint8_t { kLists, kSortedSets, kStreams };
  // More keys are not waited for at several nodes: to find their nodes again and again takes time.
  static constexpr size_t kMostKeys = 1000;
  // Nothing: such a command is not waited for at several nodes.
  static std::optional<SpreadKind> KindOf(const wire::CommandSpec& spec);

  // Whether it can be waited for though its keys lie on several nodes.
  static bool Takes(const wire::CommandSpec& spec, const wire::Request& request);
  // The request with its first key in place of all others, so that one node can say what is wrong with the rest.
  static std::string AboutFirstKey(const wire::CommandSpec& spec, const wire::Request& request);

  SpreadRequest() = default;
  // Requires: KindOf. Its keys are those that FindKeys finds.
  SpreadRequest(const wire::CommandSpec& spec, const wire::Request& request);

  SpreadKind kind() const { return kind_; }
  uint32_t key_count() const { return static_cast<uint32_t>(positions_.size()); }
  std::string_view key(uint32_t i) const { return Word(positions_[i]); }
  bool Has(std::string_view key) const {
    return std::ranges::any_of(positions_, [&](uint32_t position) { return Word(position) == key; });
  }

  // The command about these keys alone. `seconds`: how long it waits; none: without end.
  std::string About(std::span<const uint32_t> keys, std::optional<double> seconds) const;
  // Waits until the list has an element, and then moves the first that the command would pop onto its own place:
  // content, order and time to live stay.
  std::string WaiterOf(uint32_t key, std::optional<double> seconds) const;

  // Whether the stream is read from its end on, which is to be asked for then: where it is when the command is taken.
  bool IsFromEnd(uint32_t key) const;
  std::string EndQuestionOf(uint32_t key) const;
  void SetId(uint32_t key, std::string_view id) { ids_[key] = id; }

 private:
  std::string_view Word(uint32_t i) const {
    return std::string_view(bytes_).substr(arguments_[i].offset, arguments_[i].size);
  }

  std::string AboutStreams(std::span<const uint32_t> keys, std::optional<double> seconds) const;

  const wire::CommandSpec* spec_ = nullptr;
  SpreadKind kind_ = SpreadKind::kLists;
  std::string bytes_;
  std::vector<wire::ArgumentSpan> arguments_;
  wire::KeyPositions positions_;
  std::vector<std::string> ids_;  // Of streams, by key.
};

}  // namespace ringproxy::proxy
