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

// What is no reply yet is pushes and one reply, of the same bytes.
void CheckMoved(std::string_view mixed) {
  std::string moved(mixed);
  ringproxy::wire::RespReplyFramer framer;
  Require(framer.Frame(moved) == ringproxy::wire::ReplyFramer::FrameStatus::kMixed);
  framer.MovePushesFirst(moved.data());
  size_t pushes = 0;
  size_t replies = 0;
  ForEachFrame(ReplyCodec(), moved, {}, [&](const FrameView& frame) {
    Require(frame.kind == (frame.end == moved.size() ? "reply" : "push"));
    ++(frame.kind == "push" ? pushes : replies);
    if (frame.kind == "reply") CheckReaders(frame.text);
  });
  Require(pushes > 0 && replies == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckFrames(ReplyCodec(), ringproxy::test::ReadCutInput(data, size), [](const FrameView& frame) {
    if (frame.kind == "reply") CheckReaders(frame.text);
    if (frame.kind == "mixed") CheckMoved(frame.text);
  });
  return 0;
}
