#include "proxy/route/library_loads.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

// Of the library or of one of its functions.
bool SaysThatItExists(std::string_view error) {
  const bool is_about_it = error.starts_with("-ERR Library ") || error.starts_with("-ERR Function ");
  return is_about_it && error.ends_with(" already exists\r\n");
}

std::string_view WordsOf(std::string_view error) {
  return error.substr(1, std::min(error.find("\r\n"), LibraryLoads::kMostWords + 1) - 1);
}

std::string DeleteRequest(std::string_view library) {
  std::string request;
  wire::AppendArrayHeader(3, &request);
  wire::AppendBulk("FUNCTION", &request);
  wire::AppendBulk("DELETE", &request);
  wire::AppendBulk(library, &request);
  return request;
}

}  // namespace

void LibraryLoads::Send(const RoutedRequest& routed, const Origin& origin, std::span<const NodeId> nodes,
                        backends::Ticket ticket) {
  const uint32_t owner = loads_.Acquire();
  LibraryLoad& load = loads_[owner];
  load.ticket = ticket;
  load.held = SnapshotUse(origin.held);
  load.lane = origin.lane;
  load.replaces = routed.request.size() > 3 && wire::EqualsIgnoringCase(routed.request[2], "replace");
  load.waiting = nodes.size();
  load.asked.assign(nodes.begin(), nodes.end());
  // From here on `load` may move: another load may begin while a node is asked.
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const backends::Ticket part{owner, 0, i, backends::Ticket::Kind::kLibrary};
    backends::NodePool& pool = origin.held.node_pools[nodes[i].pool];
    const backends::Admission admission = pool.Admits(nodes[i].node, ClaimOf(routed));
    if (admission == backends::Admission::kGranted) {
      pool.Send(nodes[i].node, origin.lane, routed.request.encoded(), part, AskedOf(routed));
    } else {
      pool.Refuse(nodes[i].node, admission, part);
    }
  }
}

void LibraryLoads::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  LibraryLoad& load = loads_[ticket.owner];
  const NodeId node = load.asked[ticket.slot];
  if (!load.undoes) {
    NoteLoaded(&load, node, reply.bytes());
  } else if (reply.bytes() != "+OK\r\n" && WordsOf(reply.bytes()) != "ERR Library not found") {
    load.kept.push_back(node);
  }
  if (--load.waiting == 0) Step(ticket.owner);
}

void LibraryLoads::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  std::string text;
  wire::AppendRedisError(failure, &text);
  LibraryLoad& load = loads_[ticket.owner];
  if (failure.may_have_run && !load.undoes) load.unknown.push_back(load.asked[ticket.slot]);
  OnReply(ticket, backends::Reply(std::string_view(text)));
}

void LibraryLoads::NoteLoaded(LibraryLoad* load, NodeId node, std::string_view reply) {
  if (const std::optional<std::string_view> name = wire::BulkReply(reply)) {
    load->name = *name;
    load->loaded.push_back(node);
    return;
  }
  std::string bad;
  if (!wire::IsError(reply)) {
    wire::AppendRedisError({wire::ErrorCode::kBadReply}, &bad);
    reply = bad;
  }
  load->failed.push_back(node);
  std::string& words = SaysThatItExists(reply) ? load->exists : load->why;
  if (words.empty()) words = WordsOf(reply);
}

void LibraryLoads::Step(uint32_t owner) {
  const LibraryLoad& load = loads_[owner];
  const bool is_to_undo = !load.undoes && !load.replaces && !load.exists.empty() && !load.loaded.empty();
  is_to_undo ? Undo(owner) : Answer(owner);
}

void LibraryLoads::Undo(uint32_t owner) {
  LibraryLoad& load = loads_[owner];
  load.undoes = true;
  // Not where nobody knows: a node that has not answered in time may have had it before.
  load.waiting = load.loaded.size();
  load.asked = load.loaded;
  // The last part may end the load while it is sent.
  const std::vector<NodeId> nodes = load.loaded;
  const std::string request = DeleteRequest(load.name);
  const backends::Lane lane = load.lane;
  HeldSnapshot& held = *load.held;
  for (uint32_t i = 0; i < nodes.size(); ++i)
    held.node_pools[nodes[i].pool].Send(nodes[i].node, lane, std::string_view(request),
                                        {owner, 0, i, backends::Ticket::Kind::kLibrary});
}

void LibraryLoads::Answer(uint32_t owner) {
  const LibraryLoad load = std::exchange(loads_[owner], {});
  loads_.Release(owner);
  // Loads are rare: no memory is kept for the next one.
  loads_.ShrinkIfUnused();
  std::string reply;
  load.failed.empty() ? wire::AppendBulk(load.name, &reply) : wire::AppendError(Words(load), &reply);
  sink_.OnReply(load.ticket, backends::Reply(std::string_view(reply)));
}

// Of the error that the client reads.
std::string LibraryLoads::Words(const LibraryLoad& load) {
  if (load.exists.empty() && load.loaded.empty()) return load.why;
  if (load.loaded.empty() || load.undoes) {
    std::string text = load.exists;
    if (!load.kept.empty()) {
      text += " (but not on ";
      AppendNames(load, load.kept, &text);
      text += ", where it is new and could not be deleted again)";
    }
    if (!load.unknown.empty()) {
      text += " (and nobody knows whether it is new on ";
      AppendNames(load, load.unknown, &text);
      text += ", which did not answer)";
    }
    return text;
  }
  std::string text = "ERR library " + load.name + " loaded on " + std::to_string(load.loaded.size()) + " of " +
                     std::to_string(load.asked.size()) + " nodes, not on ";
  AppendNames(load, load.failed, &text);
  return text + ": " + (load.why.empty() ? load.exists : load.why);
}

void LibraryLoads::AppendNames(const LibraryLoad& load, std::span<const NodeId> nodes, std::string* text) {
  for (size_t i = 0; i < std::min(nodes.size(), kMostNamed); ++i) {
    if (i > 0) text->append(", ");
    text->append(load.held->shared->config.pools[nodes[i].pool].nodes[nodes[i].node].name);
  }
  if (nodes.size() > kMostNamed) text->append(" and " + std::to_string(nodes.size() - kMostNamed) + " more");
}

}  // namespace ringproxy::proxy
