#include "backends/net/last_words.h"

#include "tests/backends/net/libevent_stream_fixture.h"

namespace ringproxy::net {
namespace {

using LastWordsTest = LibeventStreamTest;

// The far end has ended its side before, by its socket's close or its writes' end alone.
TEST_F(LastWordsTest, AreTakenByOneThatReadsAndRefusedByOneThatIsGone) {
  Listen();
  for (const bool is_closed : {false, true}) {
    Unconnected();
    ASSERT_TRUE(stream_->ConnectNow({"127.0.0.1", listen_.port(), ""}));
    told_.connected.clear();
    ASSERT_TRUE(RunUntilConnected());
    Accept();
    is_closed ? far_.Close() : static_cast<void>(shutdown(far_.fd(), SHUT_WR));
    ASSERT_TRUE(RunUntil([&] { return stream_->has_peer_left(); }));
    stream_->WatchReads(false);
    EXPECT_EQ(stream_->last_words(), LastWords::kUnderWay);
    HoldForEnd(stream_->descriptor());
    EXPECT_EQ(Write({"last"}).bytes, 4U);
    // A far end that has them has the end as well.
    if (!is_closed) {
      EXPECT_EQ(FarReads(), "");
    }
    stream_->EndWrites();
    LastWords words{};
    ASSERT_TRUE(RunUntil([&] { return (words = stream_->last_words()) != LastWords::kUnderWay; }));
    EXPECT_EQ(words, is_closed ? LastWords::kRefused : LastWords::kTaken);
    if (is_closed) continue;
    EXPECT_EQ(FarReads(), "last");
    EXPECT_TRUE(FarSeesTheEnd());
  }
}

TEST_F(LastWordsTest, AreTakenOverAnotherKindOfSocket) {
  Adopt();
  HoldForEnd(stream_->descriptor());
  EXPECT_EQ(Write({"last"}).bytes, 4U);
  stream_->EndWrites();
  EXPECT_EQ(stream_->last_words(), LastWords::kTaken);
}

}  // namespace
}  // namespace ringproxy::net
