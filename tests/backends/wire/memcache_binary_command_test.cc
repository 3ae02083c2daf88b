#include "backends/wire/memcache_binary_command.h"

#include <gtest/gtest.h>

#include <set>

namespace ringproxy::wire {
namespace {

// Limits and metrics meet a command in either protocol, so its row is one.
TEST(MemcacheBinaryCommand, EachIsARowOfTheTextProtocol) {
  size_t known = 0;
  for (int opcode = 0; opcode <= UINT8_MAX; ++opcode) {
    const BinaryCommand* const command = FindBinaryCommand(static_cast<uint8_t>(opcode));
    if (command == nullptr) continue;
    ++known;
    const MemcacheSpec* const row = FindMemcacheCommand(command->name);
    ASSERT_NE(row, nullptr) << opcode;
    EXPECT_EQ(command->spec.index, row->command.index);
    EXPECT_EQ(command->spec.access, row->command.access);
    EXPECT_EQ(command->spec.gutter, row->command.gutter);
    EXPECT_EQ(command->spec.retry, row->command.retry);
    if (command->key == BinaryCommand::BinaryPart::kOne) {
      EXPECT_TRUE(HasOneKey(command->spec)) << opcode;
      EXPECT_EQ(command->spec.handling, Handling::kForward);
    }
  }
  EXPECT_EQ(known, 32U);
  EXPECT_EQ(BinaryCasSpec().index, FindMemcacheCommand("cas")->command.index);
  EXPECT_EQ(BinaryCasSpec().gutter, Gutter::kNo);
}

TEST(MemcacheBinaryCommand, AQuietFormIsItsLoudOneThatKeepsBack) {
  for (int opcode = 0; opcode <= UINT8_MAX; ++opcode) {
    const BinaryCommand* const command = FindBinaryCommand(static_cast<uint8_t>(opcode));
    if (command == nullptr || static_cast<uint8_t>(command->loud) == opcode) continue;
    const BinaryCommand& loud = *FindBinaryCommand(static_cast<uint8_t>(command->loud));
    EXPECT_EQ(loud.quiet, Quiet::kBinary);
    const bool reads = command->name == "get" || command->name == "gat";
    EXPECT_EQ(command->quiet, reads ? Quiet::kBinaryMiss : Quiet::kBinaryDone) << opcode;
    EXPECT_EQ(command->name, loud.name);
    EXPECT_EQ(command->extras_bytes, loud.extras_bytes);
    EXPECT_EQ(command->has_value, loud.has_value);
  }
}

// memcached 1.6.18 knows neither verbosity nor, without -S, SASL.
TEST(MemcacheBinaryCommand, WhatTheServerDoesNotKnowIsNone) {
  for (const int opcode : {0x1b, 0x1f, 0x20, 0x21, 0x22, 0x25, 0x30, 0x40, 0xff}) {
    EXPECT_EQ(FindBinaryCommand(static_cast<uint8_t>(opcode)), nullptr) << opcode;
  }
}

}  // namespace
}  // namespace ringproxy::wire
