// What holds for any bytes a node may send. See tests/backends/wire/feed.h for what each single call is held to.
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::FrameView;
using ringproxy::test::ReplyCodec;
using ringproxy::test::Require;
using ringproxy::wire::ArrayReader;

// A reply has at most one meaning, and an array is exactly its elements.
void CheckReaders(std::string_view reply) {
  ArrayReader array(reply);
  const int meanings = int{ringproxy::wire::IsError(reply)} + int{ringproxy::wire::IsNil(reply)} +
                       int{ringproxy::wire::IntegerReply(reply).has_value()} +
                       int{ringproxy::wire::BulkReply(reply).has_value()} + int{array.is_array()};
  Require(meanings <= 1);
  while (array.remaining() > 0) {
    const std::string_view element = array.Next();
    size_t frames = 0;
    ForEachFrame(ReplyCodec(), element, {}, [&](const FrameView& frame) {
      ++frames;
      Require(frame.kind == "reply" && frame.end == element.size());
    });
    Require(frames == 1);
  }
  Require(array.rest().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckFrames(ReplyCodec(), ringproxy::test::ReadCutInput(data, size), [](const FrameView& frame) {
    if (frame.kind == "reply") CheckReaders(frame.text);
  });
  return 0;
}
