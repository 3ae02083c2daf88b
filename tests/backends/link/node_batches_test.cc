#include "backends/link/node_batches.h"

#include <gtest/gtest.h>

#include <functional>

namespace ringproxy::backends {
namespace {

struct Link final : Flushable {
  void Flush() override {
    ++flushes;
    bytes = 0;
    if (on_flush) on_flush();
  }
  size_t batch_bytes() const override { return bytes; }

  size_t bytes = 0;
  size_t flushes = 0;
  std::function<void()> on_flush;
};

class NodeBatchesTest : public testing::Test {
 protected:
  void Write(Link& link, size_t bytes) {
    if (link.bytes == 0) batches_.list().push_back(&link);
    link.bytes += bytes;
  }

  NodeBatches batches_;
  Link a_;
  Link b_;
};

TEST_F(NodeBatchesTest, WritesEachLinkOnceATurnHoweverManyRequestsItGot) {
  Write(a_, 100);
  Write(a_, 100);
  Write(b_, 100);
  batches_.Flush(false);
  EXPECT_EQ(a_.flushes, 1U);
  EXPECT_EQ(b_.flushes, 1U);
  EXPECT_TRUE(batches_.empty());
  EXPECT_FALSE(batches_.held());
}

TEST_F(NodeBatchesTest, HoldsAFewSmallRequestsForOneTurnAndNoLonger) {
  Write(a_, 100);
  batches_.Flush(true);
  EXPECT_TRUE(batches_.held());
  EXPECT_EQ(a_.flushes, 0U);
  batches_.Flush(true);
  EXPECT_FALSE(batches_.held());
  EXPECT_EQ(a_.flushes, 1U);
  Write(a_, 100);
  batches_.Flush(true);
  EXPECT_TRUE(batches_.held());
}

TEST_F(NodeBatchesTest, HoldsNeitherWhatIsLongNorNothing) {
  Write(a_, 200);
  Write(b_, 200);
  batches_.Flush(true);
  EXPECT_EQ(a_.flushes + b_.flushes, 2U);
  batches_.Flush(true);
  EXPECT_FALSE(batches_.held());
}

TEST_F(NodeBatchesTest, WritesWhatEntersWhileOthersAreWritten) {
  a_.on_flush = [this] { Write(b_, 1); };
  Write(a_, 1);
  batches_.Flush(false);
  EXPECT_EQ(b_.flushes, 1U);
}

}  // namespace
}  // namespace ringproxy::backends
