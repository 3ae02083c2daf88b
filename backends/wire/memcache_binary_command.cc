#include "backends/wire/memcache_binary_command.h"

#include <array>
#include <cassert>

namespace ringproxy::wire {
namespace {

using Opcode = BinaryOpcode;
using Part = BinaryCommand::BinaryPart;
using Way = BinaryCommand::BinaryWay;

constexpr size_t kOpcodes = 0x25;
// Flags and expiry; delta, initial value and expiry; expiry.
constexpr uint8_t kStorageExtras = 8, kCounterExtras = 20, kExpiryExtras = 4;

struct OpcodeRow {
  BinaryOpcode opcode;
  BinaryCommand command;
};

constexpr BinaryCommand GetPacket(BinaryOpcode loud, Quiet quiet) {
  return {.loud = loud, .name = "get", .key = Part::kOne, .quiet = quiet};
}
constexpr BinaryCommand GatPacket(BinaryOpcode loud, Quiet quiet) {
  return {.loud = loud, .name = "gat", .extras_bytes = kExpiryExtras, .key = Part::kOne, .quiet = quiet};
}
constexpr BinaryCommand WritePacket(BinaryOpcode loud, std::string_view name, uint8_t extras, bool has_value,
                                    Quiet quiet) {
  return {
      .loud = loud, .name = name, .extras_bytes = extras, .key = Part::kOne, .has_value = has_value, .quiet = quiet};
}
constexpr BinaryCommand UnkeyedPacket(BinaryOpcode loud, std::string_view name, Way way, Quiet quiet = Quiet::kBinary) {
  return {.loud = loud, .name = name, .quiet = quiet, .way = way};
}
constexpr BinaryCommand FlushPacket(Quiet quiet) {
  BinaryCommand flush = UnkeyedPacket(Opcode::kFlush, "flush_all", Way::kInWords, quiet);
  flush.extras_bytes = kExpiryExtras;
  flush.may_lack_extras = true;
  return flush;
}
constexpr BinaryCommand StatPacket() {
  BinaryCommand stat = UnkeyedPacket(Opcode::kStat, "stats", Way::kInWords);
  stat.key = Part::kPerhaps;
  return stat;
}

constexpr OpcodeRow kOpcodeRows[] = {
    {Opcode::kGet, GetPacket(Opcode::kGet, Quiet::kBinary)},
    {Opcode::kSet, WritePacket(Opcode::kSet, "set", kStorageExtras, true, Quiet::kBinary)},
    {Opcode::kAdd, WritePacket(Opcode::kAdd, "add", kStorageExtras, true, Quiet::kBinary)},
    {Opcode::kReplace, WritePacket(Opcode::kReplace, "replace", kStorageExtras, true, Quiet::kBinary)},
    {Opcode::kDelete, WritePacket(Opcode::kDelete, "delete", 0, false, Quiet::kBinary)},
    {Opcode::kIncrement, WritePacket(Opcode::kIncrement, "incr", kCounterExtras, false, Quiet::kBinary)},
    {Opcode::kDecrement, WritePacket(Opcode::kDecrement, "decr", kCounterExtras, false, Quiet::kBinary)},
    {Opcode::kQuit, UnkeyedPacket(Opcode::kQuit, "quit", Way::kEnds)},
    {Opcode::kFlush, FlushPacket(Quiet::kBinary)},
    {Opcode::kGetQ, GetPacket(Opcode::kGet, Quiet::kBinaryMiss)},
    {Opcode::kNoop, UnkeyedPacket(Opcode::kNoop, "mn", Way::kAnswered)},
    {Opcode::kVersion, UnkeyedPacket(Opcode::kVersion, "version", Way::kNode)},
    {Opcode::kGetK, GetPacket(Opcode::kGetK, Quiet::kBinary)},
    {Opcode::kGetKQ, GetPacket(Opcode::kGetK, Quiet::kBinaryMiss)},
    {Opcode::kAppend, WritePacket(Opcode::kAppend, "append", 0, true, Quiet::kBinary)},
    {Opcode::kPrepend, WritePacket(Opcode::kPrepend, "prepend", 0, true, Quiet::kBinary)},
    {Opcode::kStat, StatPacket()},
    {Opcode::kSetQ, WritePacket(Opcode::kSet, "set", kStorageExtras, true, Quiet::kBinaryDone)},
    {Opcode::kAddQ, WritePacket(Opcode::kAdd, "add", kStorageExtras, true, Quiet::kBinaryDone)},
    {Opcode::kReplaceQ, WritePacket(Opcode::kReplace, "replace", kStorageExtras, true, Quiet::kBinaryDone)},
    {Opcode::kDeleteQ, WritePacket(Opcode::kDelete, "delete", 0, false, Quiet::kBinaryDone)},
    {Opcode::kIncrementQ, WritePacket(Opcode::kIncrement, "incr", kCounterExtras, false, Quiet::kBinaryDone)},
    {Opcode::kDecrementQ, WritePacket(Opcode::kDecrement, "decr", kCounterExtras, false, Quiet::kBinaryDone)},
    {Opcode::kQuitQ, UnkeyedPacket(Opcode::kQuit, "quit", Way::kEnds, Quiet::kBinaryDone)},
    {Opcode::kFlushQ, FlushPacket(Quiet::kBinaryDone)},
    {Opcode::kAppendQ, WritePacket(Opcode::kAppend, "append", 0, true, Quiet::kBinaryDone)},
    {Opcode::kPrependQ, WritePacket(Opcode::kPrepend, "prepend", 0, true, Quiet::kBinaryDone)},
    {Opcode::kTouch, WritePacket(Opcode::kTouch, "touch", kExpiryExtras, false, Quiet::kBinary)},
    {Opcode::kGat, GatPacket(Opcode::kGat, Quiet::kBinary)},
    {Opcode::kGatQ, GatPacket(Opcode::kGat, Quiet::kBinaryMiss)},
    {Opcode::kGatK, GatPacket(Opcode::kGatK, Quiet::kBinary)},
    {Opcode::kGatKQ, GatPacket(Opcode::kGatK, Quiet::kBinaryMiss)},
};

// The row of the text protocol for a packet, which has one key at most.
CommandSpec SpecOf(std::string_view name) {
  const MemcacheSpec* const row = FindMemcacheCommand(name);
  assert(row != nullptr);
  CommandSpec spec = row->command;
  if (spec.keys.kind == KeyKind::kNone) return spec;
  spec.handling = Handling::kForward;
  spec.merge = Merge::kNone;
  spec.keys = {.kind = KeyKind::kOne, .first = 1, .last = 1, .step = 1};
  return spec;
}

struct BinaryTable {
  BinaryTable() {
    for (const OpcodeRow& row : kOpcodeRows) {
      const auto at = static_cast<size_t>(row.opcode);
      commands[at] = row.command;
      commands[at].spec = SpecOf(row.command.name);
      by_opcode[at] = &commands[at];
    }
  }
  std::array<BinaryCommand, kOpcodes> commands{};
  std::array<const BinaryCommand*, kOpcodes> by_opcode{};
};

}  // namespace

const BinaryCommand* FindBinaryCommand(uint8_t opcode) {
  static const BinaryTable table;
  return opcode < kOpcodes ? table.by_opcode[opcode] : nullptr;
}

const CommandSpec& BinaryCasSpec() {
  static const CommandSpec spec = SpecOf("cas");
  return spec;
}

}  // namespace ringproxy::wire
