#include "backends/link/unwritten_requests.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

TEST(UnwrittenRequests, AreGoneAtOnceWhenTheSocketTakesAll) {
  UnwrittenRequests unwritten;
  unwritten.Add(10);
  unwritten.Add(20);
  EXPECT_EQ(unwritten.count(), 2U);
  EXPECT_TRUE(unwritten.AllLeft(0));
  EXPECT_EQ(unwritten.count(), 0U);
}

TEST(UnwrittenRequests, LeaveOneAfterAnotherWithTheirLastBytes) {
  UnwrittenRequests unwritten;
  for (const size_t bytes : {10U, 20U, 30U}) unwritten.Add(bytes);
  EXPECT_FALSE(unwritten.AllLeft(51));
  EXPECT_FALSE(unwritten.OldestHasLeft(10, 51));
  EXPECT_TRUE(unwritten.OldestHasLeft(10, 50));
  unwritten.RemoveOldest(10);
  EXPECT_FALSE(unwritten.OldestHasLeft(20, 50));
  EXPECT_TRUE(unwritten.OldestHasLeft(20, 30));
  unwritten.RemoveOldest(20);
  EXPECT_EQ(unwritten.count(), 1U);
}

// Whoever finds none waiting now may still have to say when those left that waited before.
TEST(UnwrittenRequests, RememberThatSomeHaveWaitedUntilTheNextWrite) {
  UnwrittenRequests unwritten;
  unwritten.Add(10);
  EXPECT_FALSE(unwritten.AllLeft(5));
  EXPECT_FALSE(unwritten.AllLeft(0));
  unwritten.RemoveOldest(10);
  EXPECT_TRUE(unwritten.AllLeft(0));
}

TEST(UnwrittenRequests, ForgetWhatIsDroppedAndWhatALostLinkHadToWrite) {
  UnwrittenRequests unwritten;
  for (const size_t bytes : {10U, 20U, 30U}) unwritten.Add(bytes);
  EXPECT_FALSE(unwritten.AllLeft(60));
  unwritten.Drop(2, 50);
  EXPECT_EQ(unwritten.count(), 1U);
  EXPECT_TRUE(unwritten.OldestHasLeft(10, 0));
  unwritten.ForgetBacklog();
  EXPECT_TRUE(unwritten.AllLeft(0));
}

}  // namespace
}  // namespace ringproxy::backends
