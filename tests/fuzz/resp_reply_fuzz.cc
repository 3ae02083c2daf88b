// What holds for any bytes a node may send. See tests/backends/wire/feed.h for what each single call is held to.
#include <cstdlib>

#include "tests/backends/wire/feed.h"

namespace {

using ringproxy::test::Frame;
using ringproxy::test::ReplyCodec;
using ringproxy::wire::ArrayReader;

constexpr size_t kMostCuts = 64;  // Of one run; the unit tests try every cut of the corpus.

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckCuts(std::string_view stream, const std::vector<Frame>& whole) {
  const size_t step = stream.size() / kMostCuts + 1;
  for (size_t cut = 1; cut < stream.size(); cut += step) Require(Feed(ReplyCodec(), stream, {cut}) == whole);
  if (step == 1) Require(Feed(ReplyCodec(), stream, ringproxy::test::EveryByte(stream.size())) == whole);
}

// A reply has at most one meaning, and an array is exactly its elements.
void CheckReaders(std::string_view reply) {
  ArrayReader array(reply);
  const int meanings = int{ringproxy::wire::IsError(reply)} + int{ringproxy::wire::IsNil(reply)} +
                       int{ringproxy::wire::IntegerReply(reply).has_value()} +
                       int{ringproxy::wire::BulkReply(reply).has_value()} + int{array.is_array()};
  Require(meanings <= 1);
  while (array.remaining() > 0) {
    const std::string_view element = array.Next();
    const std::vector<Frame> again = Feed(ReplyCodec(), element, {});
    Require(again.size() == 1 && again[0].kind == "reply" && again[0].end == element.size());
  }
  Require(array.rest().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const std::vector<Frame> whole = Feed(ReplyCodec(), stream, {});
  CheckCuts(stream, whole);
  for (const Frame& frame : whole) {
    if (frame.kind == "reply") CheckReaders(frame.text);
  }
  return 0;
}
