// proxy/observe/told_merge.h – Makes one reply of what all nodes say to CONFIG GET, SLOWLOG GET or LATENCY LATEST.
//
// The error of one node is the error of all; a reply of another shape makes the whole a kBadReply error.
// Threads: pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::proxy {

struct ToldReply {
  std::string_view node;   // Its name.
  std::string_view reply;  // In RESP2, whole.
};

struct SettingsQuestion {
  uint8_t protocol = 2;            // Of the client.
  uint32_t databases = 16;         // That the listener has; the nodes may have others.
  std::vector<std::string> named;  // Parameters that are asked for by their whole names.
};

// The parameters on whose values the nodes agree. Where they differ it is an error that names the nodes and their
// values, but for what is each server's own (port, dir …): that is left out, unless it was asked for by name. Passwords
// are left out in any case.
std::string MergeSettings(std::span<const ToldReply> told, const SettingsQuestion& question);

// The newest entries of all, `most` of them at most.
std::string MergeSlowLogs(std::span<const ToldReply> told, size_t most);

// Of each event the latest one of all nodes, with the largest maximum.
std::string MergeLatest(std::span<const ToldReply> told);

}  // namespace ringproxy::proxy
