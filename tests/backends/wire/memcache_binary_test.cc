#include "backends/wire/memcache_binary.h"

#include <gtest/gtest.h>

#include "tests/backends/wire/binary_packets.h"

namespace ringproxy::wire {
namespace {

using test::BinaryAsked;
using test::BinaryTold;

constexpr uint8_t kGetOpcode = 0x00, kStatOpcode = 0x10;

std::string InBinary(std::string_view text, uint8_t opcode = kGetOpcode) {
  std::string packets;
  AppendTextAsBinary(text, {opcode, 0x01020304}, &packets);
  return packets;
}

TEST(MemcacheBinary, ReadsEveryFieldOfAHeader) {
  const std::string packet = BinaryTold({.opcode = 0x0d,
                                         .key = "key",
                                         .extras = "1234",
                                         .value = "v",
                                         .opaque = 0xfedcba98,
                                         .cas = 0x8102030405060708,
                                         .status = 0x82});
  const BinaryHeader header = ReadBinaryHeader(packet);
  EXPECT_EQ(header.magic, 0x81);
  EXPECT_EQ(header.opcode, 0x0d);
  EXPECT_EQ(header.key_bytes, 3);
  EXPECT_EQ(header.extras_bytes, 4);
  EXPECT_EQ(header.status, 0x82);
  EXPECT_EQ(header.body_bytes, 8U);
  EXPECT_EQ(header.opaque, 0xfedcba98);
  EXPECT_EQ(header.cas, 0x8102030405060708U);
}

TEST(MemcacheBinary, AReplyIsWhatAServerWrites) {
  std::string packet;
  AppendBinaryError({kGetOpcode, 7}, BinaryStatus::kNotFound, &packet);
  EXPECT_EQ(packet, BinaryTold({.value = "Not found", .opaque = 7, .status = 1}));
  packet.clear();
  AppendBinaryDelete(9, "key", &packet);
  EXPECT_EQ(packet, BinaryAsked({.opcode = 4, .key = "key", .opaque = 9}));
}

TEST(MemcacheBinary, NamesAPacketAnewAndNothingElseOfIt) {
  std::string packet = BinaryTold({.opcode = 0, .extras = "flag", .value = "v", .opaque = 1, .cas = 5});
  RenameBinary({9, 77}, packet.data());
  EXPECT_EQ(packet, BinaryTold({.opcode = 9, .extras = "flag", .value = "v", .opaque = 77, .cas = 5}));
}

// semantics.md 24: and a packet without a token never gets one, nor loses the one it has.
TEST(MemcacheBinary, TagsATokenThereAndBack) {
  const CasTag tag = MakeCasTag(3);
  for (const uint64_t token : {uint64_t{1}, uint64_t{77}, uint64_t{tag}, uint64_t{0}}) {
    const std::string was = BinaryTold({.cas = token});
    std::string packet = was;
    RetagBinaryCas(tag, packet.data());
    const uint64_t tagged = ReadBinaryHeader(packet).cas;
    EXPECT_EQ(tagged == 0, token == 0);
    EXPECT_EQ(tagged == token, token == 0 || token == tag);
    RetagBinaryCas(tag, packet.data());
    EXPECT_EQ(packet, was);
  }
}

TEST(MemcacheBinary, TheMarkIsOfOpcodeAndOpaque) {
  const uint16_t mark = BinaryMarkOf(BinaryAsked({.opcode = 1, .key = "k", .opaque = 5}));
  EXPECT_EQ(BinaryMarkOf(BinaryTold({.opcode = 1, .opaque = 5, .cas = 9, .status = 2})), mark);
  EXPECT_NE(BinaryMarkOf(BinaryTold({.opcode = 0, .opaque = 5})), mark);
  EXPECT_NE(BinaryMarkOf(BinaryTold({.opcode = 1, .opaque = 6})), mark);
  EXPECT_NE(BinaryMarkOf(BinaryTold({.opcode = 0, .opaque = 0})), 0);
}

struct TextCase {
  std::string_view text;
  uint16_t status;
  std::string_view words;
};

TEST(MemcacheBinary, SaysWhatTextSays) {
  const TextCase cases[] = {
      {"OK\r\n", 0x00, ""},
      {"RESET\r\n", 0x00, ""},
      {"END\r\n", 0x01, "Not found"},
      {"NOT_FOUND\r\n", 0x01, "Not found"},
      {"EXISTS\r\n", 0x02, "Data exists for key."},
      {"SERVER_ERROR object too large for cache\r\n", 0x03, "Too large."},
      {"CLIENT_ERROR bad command line format\r\n", 0x04, "Invalid arguments"},
      {"NOT_STORED\r\n", 0x05, "Not stored."},
      {"ERROR\r\n", 0x81, "Unknown command"},
      {"SERVER_ERROR out of memory\r\n", 0x82, "Out of memory"},
      {"SERVER_ERROR not supported\r\n", 0x83, "not supported"},
      {"SERVER_ERROR rate limited\r\n", 0x85, "rate limited"},
      {"SERVER_ERROR node overloaded\r\n", 0x85, "node overloaded"},
      {"SERVER_ERROR node down\r\n", 0x86, "node down"},
      {"SERVER_ERROR timeout\r\n", 0x86, "timeout"},
      {"SERVER_ERROR\r\n", 0x86, ""},
  };
  for (const TextCase& c : cases) {
    EXPECT_EQ(InBinary(c.text), BinaryTold({.value = std::string(c.words), .opaque = 0x01020304, .status = c.status}))
        << c.text;
  }
}

TEST(MemcacheBinary, StatisticsAreAPacketEachAndAnEmptyOne) {
  const auto line = [](std::string key, std::string value) {
    return BinaryTold({.opcode = kStatOpcode, .key = std::move(key), .value = std::move(value), .opaque = 0x01020304});
  };
  EXPECT_EQ(InBinary("STAT pid 17\r\nSTAT version 1.6.18 x\r\nSTAT empty \r\nEND\r\n", kStatOpcode),
            line("pid", "17") + line("version", "1.6.18 x") + line("empty", "") + line("", ""));
  // A packet without a name would end them.
  EXPECT_EQ(InBinary("STAT \r\nSTAT a 1\r\nEND\r\n", kStatOpcode), line("a", "1") + line("", ""));
  EXPECT_EQ(InBinary("SERVER_ERROR node down\r\n", kStatOpcode),
            BinaryTold({.opcode = kStatOpcode, .value = "node down", .opaque = 0x01020304, .status = 0x86}));
}

TEST(MemcacheBinary, KnowsWhatIsAPacketAndAnError) {
  EXPECT_FALSE(IsBinaryReply("\x81"));
  EXPECT_TRUE(IsBinaryReply(BinaryTold({})));
  EXPECT_FALSE(IsBinaryReply(BinaryAsked({})));
  EXPECT_TRUE(IsBinaryRequest(BinaryAsked({})));
  EXPECT_FALSE(IsBinaryRequest(BinaryAsked({}).substr(0, 23)));
  EXPECT_FALSE(IsBinaryError(BinaryTold({})));
  EXPECT_FALSE(IsBinaryError(BinaryTold({.status = 1})));
  EXPECT_TRUE(IsBinaryError(BinaryTold({.status = 0x82})));
  EXPECT_FALSE(IsBinaryError("ERROR\r\n"));
}

// A line without a name is left out; who waits for the last packet must not wait for ever.
TEST(MemcacheBinary, SaysAtLeastOnePacket) {
  const std::string last = BinaryTold({.opcode = kStatOpcode, .opaque = 0x01020304});
  EXPECT_EQ(InBinary("STAT \r\n", kStatOpcode), last);
  EXPECT_EQ(InBinary("STAT \r\nEND\r\n", kStatOpcode), last);
}

}  // namespace
}  // namespace ringproxy::wire
