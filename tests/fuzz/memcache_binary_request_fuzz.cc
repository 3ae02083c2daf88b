// What holds for any bytes that a client of memcached's binary protocol may send. See tests/backends/wire/feed.h for
// what each single call is held to.
#include "backends/wire/gutter_request.h"
#include "backends/wire/memcache_rewrite.h"
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::CutInput;
using ringproxy::test::FrameView;
using ringproxy::test::MemcacheBinaryRequestCodec;
using ringproxy::test::Require;
using namespace ringproxy::wire;  // NOLINT: the whole file is about it.
using Framing = MemcacheBinaryParser::BinaryFraming;

// What a node is sent in its place: one packet of the same parts, and of the same value.
void CheckSame(const Limits& limits, const MemcacheBinaryParser& was, std::string_view packet) {
  MemcacheBinaryParser is(limits);
  Require(is.Parse(packet) == Framing::kRequest && is.size() == packet.size());
  Require(is.key() == was.key() && is.header().opcode == was.header().opcode);
  Require(is.header().cas == was.header().cas && is.extras().size() == was.extras().size());
  Require(packet.substr(packet.size() - is.value_bytes()) ==
          was.request().encoded().substr(was.size() - was.value_bytes()));
}

void CheckForwarded(const Limits& limits, std::string_view bytes) {
  MemcacheBinaryParser parser(limits);
  Require(parser.Parse(bytes) == Framing::kRequest);
  const Request request = parser.request();
  Require(request.encoded() == bytes && request[1] == parser.key() && parser.key().size() <= 250);
  const ExpiryCap cap{std::chrono::seconds(60), {}};
  std::string forwarded;
  AppendForNode(request, {.cap = cap}, &forwarded);
  CheckSame(limits, parser, forwarded);
  std::string again;
  MemcacheBinaryParser capped(limits);
  Require(capped.Parse(forwarded) == Framing::kRequest);
  AppendForNode(capped.request(), {.cap = cap}, &again);
  Require(again == forwarded);
  std::string guttered;
  if (AppendGutterRequest(parser.command()->spec, request, cap, &guttered)) CheckSame(limits, parser, guttered);
  // A reply by the same name has the same mark, and the name can be given back.
  std::string reply;
  AppendBinaryReply(parser.name(), BinaryStatus::kNotFound, parser.key(), {}, &reply);
  Require(BinaryMarkOf(reply) == BinaryMarkOf(bytes) && BinaryMarkOf(bytes) != 0);
  const uint64_t token = ReadBinaryHeader(bytes).cas;
  std::string tagged(bytes);
  RetagBinaryCas(MakeCasTag(5), tagged.data());
  Require((ReadBinaryHeader(tagged).cas == 0) == (token == 0));
  RetagBinaryCas(MakeCasTag(5), tagged.data());
  Require(tagged == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const CutInput input = ringproxy::test::ReadCutInput(data, size);
  const Limits limits = LimitsOf(input);
  size_t start = 0;
  CheckFrames(MemcacheBinaryRequestCodec(limits), input, [&](const FrameView& frame) {
    if (frame.kind == "request") CheckForwarded(limits, input.stream.substr(start, frame.end - start));
    if (frame.kind == "refused") Require(IsBinaryReply(frame.text));
    start = frame.end;
  });
  return 0;
}
