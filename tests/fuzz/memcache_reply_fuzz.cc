// What holds for any bytes a memcached node may send. See tests/backends/wire/feed.h for what each single call is held
// to.
#include "backends/wire/memcache_cas.h"
#include "tests/fuzz/cut_input.h"

namespace {

using ringproxy::test::FrameView;
using ringproxy::test::MemcacheReplyCodec;
using ringproxy::test::Require;

// Items and the line behind them are the whole reply.
void CheckReaders(std::string_view reply) {
  ringproxy::wire::ValueReader reader(reply);
  size_t size = 0;
  while (reader.Peek()) {
    const ringproxy::wire::MemcacheValue& value = *reader.Peek();
    Require(value.whole.starts_with(value.head) && value.whole.ends_with(value.data));
    size += value.whole.size();
    reader.Advance();
  }
  Require(size + reader.last_line().size() == reply.size());
  std::string line;
  const std::string_view data = ringproxy::wire::AppendUntaggedLine(reply, ringproxy::wire::MakeCasTag(1), &line);
  Require(reply.ends_with(data) && line.ends_with("\r\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckFrames(MemcacheReplyCodec(), ringproxy::test::ReadCutInput(data, size), [](const FrameView& frame) {
    if (frame.kind == "reply") CheckReaders(frame.text);
  });
  return 0;
}
