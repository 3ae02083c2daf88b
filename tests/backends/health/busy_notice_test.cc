#include "backends/health/busy_notice.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

TEST(BusyNotice, IsUpAsLongAsAnyWorkerHasPutItUp) {
  BusyNotice notice;
  EXPECT_FALSE(notice.is_up());
  EXPECT_EQ(notice.words(), "");
  notice.PutUp("BUSY one");
  notice.PutUp("BUSY two");
  EXPECT_EQ(notice.words(), "BUSY two");
  notice.TakeDown();
  EXPECT_TRUE(notice.is_up());
  EXPECT_EQ(notice.words(), "BUSY two");
  notice.TakeDown();
  EXPECT_FALSE(notice.is_up());
  EXPECT_EQ(notice.words(), "");
}

}  // namespace
}  // namespace ringproxy::backends
