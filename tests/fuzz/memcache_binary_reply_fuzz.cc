// What holds for any bytes that a memcached node may send that is spoken to in binary. See tests/backends/wire/feed.h
// for what each single call is held to.
#include "backends/wire/memcache_binary_reply.h"
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::FrameView;
using ringproxy::test::Require;
using namespace ringproxy::wire;  // NOLINT: the whole file is about it.

// Packets, one after the other and nothing else, of one name.
void CheckPackets(std::string_view packets, BinaryName name) {
  MemcacheBinaryReplyFramer framer;
  do {
    Require(framer.Frame(packets) == ReplyFramer::FrameStatus::kReply && IsBinaryReply(packets));
    const BinaryHeader header = ReadBinaryHeader(packets);
    Require(header.opcode == name.opcode && header.opaque == name.opaque);
    packets.remove_prefix(framer.size());
  } while (!packets.empty());
}

void CheckReply(std::string_view reply) {
  MemcacheBinaryReplyFramer framer;
  framer.FaultOf(reply);
  const BinaryName name{static_cast<uint8_t>(reply.size()), 77};
  std::string packets;
  if (IsBinaryReply(reply)) {
    packets = reply;
    RenameBinary(name, packets.data());
    Require(packets.size() == reply.size());
  } else {
    // A line: as any text that stands in a reply's place.
    AppendTextAsBinary(reply, name, &packets);
  }
  CheckPackets(packets, name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckFrames(ringproxy::test::MemcacheBinaryReplyCodec(), ringproxy::test::ReadCutInput(data, size),
              [](const FrameView& frame) {
                if (frame.kind == "reply") CheckReply(frame.text);
              });
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string packets;
  const BinaryName stat{static_cast<uint8_t>(BinaryOpcode::kStat), 3};
  AppendTextAsBinary(text, stat, &packets);
  CheckPackets(packets, stat);
  return 0;
}
