#include "proxy/state/transaction.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <unordered_map>
#include <utility>

#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

bool MayBeSpread(const Snapshot& snapshot, NodeId node) {
  return snapshot.config.pools[node.pool].transactions == conf::TransactionScope::kPerNode;
}

// Twice as much, and where that is much a quarter more.
size_t GrownSize(size_t bytes) {
  constexpr size_t kMuch = 4 << 20;
  return bytes + (bytes < kMuch ? bytes : bytes / 4);
}

using PartNumbers = std::unordered_map<uint64_t, uint32_t>;

// The number of the node's part, a new one if there is none.
uint32_t PartAt(NodeId node, PartNumbers* numbers, std::vector<TransactionPart>* parts) {
  const uint64_t place = uint64_t{node.pool} << 32 | node.node;
  const auto [found, is_new] = numbers->try_emplace(place, static_cast<uint32_t>(parts->size()));
  if (is_new) parts->push_back({.node = node, .requests = {}});
  return found->second;
}

}  // namespace

void Transaction::Begin(net::BlockPool& pool) {
  constexpr size_t kFirstRoom = 448;
  if (requests_) return;
  requests_ = pool.Acquire(kFirstRoom);
  requests_.Append(kBegin);
}

std::optional<wire::Failure> Transaction::Queue(const wire::CommandSpec& spec, const wire::Request& request,
                                                const KeyRouting& routing, net::BlockPool& pool) {
  constexpr size_t kFirstCommands = 8;
  if (!requests_) {
    Begin(pool);
    commands_.reserve(kFirstCommands);
    arguments_.reserve(2 * kFirstCommands);
    routed_by_ = routing.snapshot.number;
  }
  const std::string_view encoded = request.encoded();
  const size_t whole = requests_.size() + encoded.size() + kEnd.size();
  if (!HasRoom(encoded.size(), routing)) return Refuse({.code = wire::ErrorCode::kTransactionTooLarge});
  std::optional<PlacedKey> first;
  std::optional<PlacedKey> own;
  if (routed_by_ != routing.snapshot.number) routed_by_ = 0;
  if (first_key_) {
    const std::string_view key = requests_.bytes().substr(first_key_->offset, first_key_->size);
    first = {routed_by_ != 0 ? node_ : RouteKey(routing.snapshot, routing.snapshot.listeners[routing.listener], key),
             key};
  }
  if (const auto failure = Join(spec, request, routing, &first, &own)) return Refuse(*failure);
  if (!first_key_ && first) {
    const auto offset = requests_.size() + static_cast<size_t>(first->key.data() - encoded.data());
    first_key_ = {static_cast<uint32_t>(offset), static_cast<uint32_t>(first->key.size())};
    node_ = first->node;
  }
  if (whole > requests_.size() + requests_.free_size())
    pool.Grow(&requests_, std::max(whole, GrownSize(requests_.size())));
  commands_.push_back({&spec, static_cast<uint32_t>(requests_.size()), static_cast<uint32_t>(encoded.size()),
                       static_cast<uint32_t>(arguments_.size()), static_cast<uint32_t>(request.size())});
  for (size_t i = 0; i < request.size(); ++i) arguments_.push_back(request.argument(i));
  requests_.Append(encoded);
  work_ = std::max(work_, wire::AskedOf(spec, request).work);
  if (spec.name == "script|flush") flushes_scripts_ = true;
  return std::nullopt;
}

bool Transaction::HasRoom(size_t bytes, const KeyRouting& routing) const {
  const size_t have = (requests_ ? requests_.size() : 0) + (spliced_ ? spliced_->held_bytes() : 0);
  const uint64_t most = routing.snapshot.config.listeners[routing.listener].limits.request_bytes;
  return queued() < kMostCommands && have + bytes + kEnd.size() <= std::min<uint64_t>(most, kMostBytes);
}

std::optional<wire::Failure> Transaction::Splice(const wire::CommandSpec& spec, const wire::Request& request,
                                                 const KeyRouting& routing) {
  const bool is_full = spliced_ && spliced_->count() == SplicedCommands::kMost;
  if (is_full || !HasRoom(request.encoded().size(), routing))
    return Refuse({.code = wire::ErrorCode::kTransactionTooLarge});
  if (!spliced_) spliced_ = std::make_unique<SplicedCommands>();
  spliced_->Add(queued(), spec, request);
  return std::nullopt;
}

void Transaction::NoteSelect(uint16_t database) {
  if (!spliced_) spliced_ = std::make_unique<SplicedCommands>();
  spliced_->NoteSelect(queued() - 1, database);
  selects_ = true;
}

std::optional<wire::Failure> Transaction::Join(const wire::CommandSpec& spec, const wire::Request& request,
                                               const KeyRouting& routing, std::optional<PlacedKey>* first,
                                               std::optional<PlacedKey>* own) {
  own->reset();
  // A command whose keys cannot be told reads the node's own words for it.
  if (wire::FindKeys(spec, request, &keys_) != wire::KeyResult::kOk) return std::nullopt;
  const ListenerSnapshot& listener = routing.snapshot.listeners[routing.listener];
  const uint64_t most_bytes = routing.snapshot.config.listeners[routing.listener].limits.key_bytes;
  for (const uint32_t position : keys_) {
    const std::string_view key = request[position];
    if (key.size() > most_bytes) return wire::Failure{.code = wire::ErrorCode::kKeyTooLong};
    const PlacedKey placed{*first && key == (*first)->key ? (*first)->node : RouteKey(routing.snapshot, listener, key),
                           key};
    if (!*own) *own = placed;
    if ((*own)->node != placed.node) return ApartFailure(routing, **own, placed);
  }
  if (!*first) *first = *own;
  if ((*first)->node == (*own)->node) return std::nullopt;
  // Nor would the other nodes hear of a SELECT before.
  if (selects_ || !MayBeSpread(routing.snapshot, (*first)->node) || !MayBeSpread(routing.snapshot, (*own)->node))
    return ApartFailure(routing, **first, **own);
  is_spread_ = true;
  return std::nullopt;
}

wire::Failure Transaction::ApartFailure(const KeyRouting& routing, const PlacedKey& a, const PlacedKey& b) {
  names_[0] = NameBeside(routing.snapshot, a.node, b.node);
  names_[1] = NameBeside(routing.snapshot, b.node, a.node);
  return {.code = wire::ErrorCode::kCrossSlot,
          .node = names_[0],
          .key = a.key,
          .other_key = b.key,
          .other_node = names_[1]};
}

bool Transaction::NeedsScript(const ScriptText& text, std::optional<NodeId> at) const {
  if (flushes_scripts_) return false;
  // One without keys goes with the command before it.
  if (is_spread_ && !at) return true;
  if (std::ranges::any_of(scripts_, [&](const auto& brought) { return brought.text == text && brought.at == at; }))
    return false;
  // One that the client itself has queued for another node is of no use.
  if (at) return true;
  bool is_there = false;
  ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
    is_there = is_there || (spec.handling == wire::Handling::kScript && request[1] == *text);
  });
  return !is_there;
}

std::optional<NodeId> Transaction::NodeAmongSeveral(const wire::CommandSpec& spec, const wire::Request& request,
                                                    const KeyRouting& routing) {
  if (wire::FindKeys(spec, request, &keys_) != wire::KeyResult::kOk) return std::nullopt;
  const NodeId node = RouteKey(routing.snapshot, routing.snapshot.listeners[routing.listener], request[keys_.front()]);
  return MayBeSpread(routing.snapshot, node) ? std::optional(node) : std::nullopt;
}

std::optional<NodeId> Transaction::FindNode(const KeyRouting& routing, wire::Failure* failure) {
  const bool is_known = first_key_ && routed_by_ != 0 && routed_by_ == routing.snapshot.number;
  if (is_known) return is_spread_ ? std::nullopt : std::optional(node_);
  is_spread_ = false;
  std::optional<wire::Failure> apart;
  std::optional<PlacedKey> first;
  std::optional<PlacedKey> own;
  ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
    if (!apart) apart = Join(spec, request, routing, &first, &own);
  });
  if (apart) {
    is_spread_ = false;
    *failure = *apart;
    return std::nullopt;
  }
  if (is_spread_) return std::nullopt;
  return first ? first->node : RouteKey(routing.snapshot, routing.snapshot.listeners[routing.listener], {});
}

std::vector<TransactionPart> Transaction::Split(const KeyRouting& routing, net::BlockPool& pool,
                                                std::vector<uint32_t>* part_of_command) {
  assert(is_spread_ && !is_aborted_);
  std::vector<TransactionPart> parts;
  PartNumbers numbers;
  std::optional<PlacedKey> first;
  std::optional<PlacedKey> own;
  uint32_t part = 0;
  part_of_command->clear();
  part_of_command->reserve(commands_.size());
  ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
    Join(spec, request, routing, &first, &own);
    if (own) part = PartAt(own->node, &numbers, &parts);
    part_of_command->push_back(part);
  });
  std::vector<size_t> bytes(parts.size(), kBegin.size() + kEnd.size());
  for (size_t i = 0; i < commands_.size(); ++i) bytes[(*part_of_command)[i]] += commands_[i].size;
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].requests = pool.Acquire(bytes[i]);
    parts[i].requests.Append(kBegin);
  }
  size_t command = 0;
  ForEach([&](const wire::CommandSpec& spec, const wire::Request& request) {
    TransactionPart& to = parts[(*part_of_command)[command++]];
    to.requests.Append(request.encoded());
    to.work = std::max(to.work, wire::AskedOf(spec, request).work);
    ++to.commands;
  });
  for (TransactionPart& to : parts) to.requests.Append(kEnd);
  requests_.Release();
  return parts;
}

TransactionPart Transaction::TakeWhole(NodeId node, uint16_t database, net::BlockPool& pool) {
  assert(!is_aborted_ && requests_);
  TransactionPart part{.node = node, .commands = count(), .work = work_, .requests = {}};
  std::string end;
  if (selects_) {
    part.restores_database = true;
    wire::AppendArrayHeader(2, &end);
    wire::AppendBulk("SELECT", &end);
    wire::AppendBulk(std::to_string(database), &end);
  }
  end.append(kEnd);
  if (end.size() > requests_.free_size()) pool.Grow(&requests_, requests_.size() + end.size());
  requests_.Append(end);
  part.requests = std::move(requests_);
  return part;
}

}  // namespace ringproxy::proxy
