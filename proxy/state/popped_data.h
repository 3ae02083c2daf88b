// proxy/state/popped_data.h – What a blocking command has popped, and how it is put back.
//
// Threads: pure functions. Lifetime: views are of the reply.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"

namespace ringproxy::proxy {

// What a blocking command takes away from the node with its reply.
enum class PoppedFrom : uint8_t {
  kNone,  // Nothing: it reads, or what it has moved is where it was to go.
  kLeft,  // Elements of a list, from that end;
  kRight,
  kSortedSet,  // members and their scores.
};

PoppedFrom PoppedFromOf(const wire::CommandSpec& spec, const wire::Request& request);

// Whether the reply of such a command has something that was popped. Requires: a whole reply.
bool HasPopped(PoppedFrom from, std::string_view reply);

// The request that puts it back: into the list at the end that it is from, in the order in which it was there; into the
// sorted set where the member is not there again, for then its newer score is the right one. Empty: the reply is not
// one of such a command. Requires: HasPopped.
std::vector<std::string_view> GiveBackWords(PoppedFrom from, std::string_view reply);

}  // namespace ringproxy::proxy
