// proxy/guard/request_match.h – Whether a request is one of those that a limit, or the list of priorities, means.
//
// Purpose: conf::RequestMatch made fast. What depends on listener and command alone is settled when it is compiled (a
// list of candidates for each command of each listener, empty for most), the rest by a few comparisons a request.
// Threads: immutable once made. It keeps what it needs of the snapshot of which it is made.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"
#include "conf/cidr.h"
#include "proxy/route/router.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

// Who asks.
struct ClientIdentity {
  uint64_t connection = 0;  // Of this process, never used twice.
  conf::IpAddress ip{};     // All zeros over a Unix socket.
  std::string_view user{};  // Empty when it is not known.
  uint16_t database = 0;    // Of its keys.
};

// A request as limits see it.
struct LimitedRequest {
  uint32_t listener;
  uint32_t command;  // The row of the command in the table of the listener's protocol.
  const wire::CommandSpec& spec;
  const wire::Request& request;
  std::optional<std::string_view> routing_key;  // In place of the key in the request.
  const ClientIdentity& client;
};

// Calls `visit` for each key. `scratch` is kept by the caller for its capacity.
template <typename Visit>
void ForEachKey(const LimitedRequest& asked, wire::KeyPositions* scratch, Visit&& visit) {
  if (asked.routing_key) return visit(*asked.routing_key);
  if (wire::HasOneKey(asked.spec)) return visit(wire::FirstKey(asked.spec, asked.request));
  if (wire::FindKeys(asked.spec, asked.request, scratch) != wire::KeyResult::kOk) return;
  for (const uint32_t position : *scratch) visit(asked.request[position]);
}

class RequestMatch {
 public:
  RequestMatch(const conf::RequestMatch& match, const Snapshot& snapshot);

  // By what does not change while the snapshot is in force.
  bool FitsListener(uint32_t listener) const { return listeners_[listener]; }
  bool FitsCommand(const wire::CommandSpec& spec) const;

  bool FitsClient(const ClientIdentity& client) const {
    return (clients_.empty() || AnyContains(client.ip)) && (conf_.user.empty() || IsOneOf(conf_.user, client.user));
  }
  // Whether keys matter at all; and then, whether this one fits.
  bool by_key() const { return by_key_; }
  bool FitsKey(uint32_t listener, std::string_view key) const;
  // Of a request that names no key: only its pools can fit.
  bool FitsWithoutKey(const LimitedRequest& asked) const;

 private:
  bool AnyContains(const conf::IpAddress& ip) const;
  static bool IsOneOf(const conf::Words& words, std::string_view word);

  conf::RequestMatch conf_;
  std::vector<bool> listeners_;  // By listener.
  std::vector<conf::Cidr> clients_;
  std::vector<bool> pools_;               // By pool; empty = any.
  std::vector<ListenerSnapshot> routes_;  // By listener; empty when any pool fits.
  bool by_key_;
};

// For each command of each listener, which of a list of matches are worth a look.
class MatchIndex {
 public:
  MatchIndex(const Snapshot& snapshot, std::span<const RequestMatch> matches);

  std::span<const uint16_t> Candidates(uint32_t listener, uint32_t command) const {
    const Range range = by_command_[first_[listener] + command];
    return {candidates_.data() + range.first, range.count};
  }

 private:
  struct Range {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  std::vector<size_t> first_;  // By listener, in by_command_.
  std::vector<Range> by_command_;
  std::vector<uint16_t> candidates_;
};

// The commands of a listener, by their rows.
size_t CommandCount(conf::Protocol protocol);
const wire::CommandSpec& CommandAt(conf::Protocol protocol, size_t index);

// What conf/validate cannot know: words of `command` that name neither a class nor a command. One line for each.
std::vector<std::string> UnknownCommandWords(const conf::Config& config);

}  // namespace ringproxy::proxy
