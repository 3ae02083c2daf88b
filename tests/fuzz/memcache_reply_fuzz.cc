// What holds for any bytes a memcached node may send. See tests/backends/wire/feed.h for what each single call is held
// to.
#include <cstdlib>

#include "backends/wire/memcache_cas.h"
#include "tests/backends/wire/feed.h"

namespace {

using ringproxy::test::Frame;
using ringproxy::test::MemcacheReplyCodec;

constexpr size_t kMostCuts = 64;  // Of one run; the unit tests try every cut of the corpus.

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckCuts(std::string_view stream, const std::vector<Frame>& whole) {
  const size_t step = stream.size() / kMostCuts + 1;
  for (size_t cut = 1; cut < stream.size(); cut += step) Require(Feed(MemcacheReplyCodec(), stream, {cut}) == whole);
  if (step == 1) Require(Feed(MemcacheReplyCodec(), stream, ringproxy::test::EveryByte(stream.size())) == whole);
}

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
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const std::vector<Frame> whole = Feed(MemcacheReplyCodec(), stream, {});
  CheckCuts(stream, whole);
  for (const Frame& frame : whole) {
    if (frame.kind == "reply") CheckReaders(frame.text);
  }
  return 0;
}
