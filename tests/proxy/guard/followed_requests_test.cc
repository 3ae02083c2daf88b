#include "proxy/guard/followed_requests.h"

#include <gtest/gtest.h>

#include "proxy/guard/limit_record.h"
#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;

struct NoSink final : backends::ReplySink {
  void OnReply(Ticket, backends::Reply&&) override {}
  void OnFailure(Ticket, const wire::Failure&) override {}
};

class FollowedRequestsTest : public testing::Test {
 protected:
  static Charge ChargeOf(uint64_t bucket, std::string_view key) {
    Charge charge;
    charge.bucket = bucket;
    charge.key = key;
    return charge;
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NoSink sink_;
  backends::FlushList flush_list_;
  test::RecordingObserver observer_;
  HeldSnapshot held_{MakeSnapshot(LimitedFleet()), {io_, sink_, flush_list_, observer_, 0}};
  FollowedRequests followed_;
};

TEST_F(FollowedRequestsTest, KeepTheTicketOfTheClientAndGiveOneOfTheirOwn) {
  const Ticket ticket{3, 4, 5, Ticket::Kind::kSession};
  const Ticket given = followed_.Follow(held_, ticket);
  EXPECT_EQ(given.kind, Ticket::Kind::kLimit);
  EXPECT_EQ(followed_.open(), 1U);
  const auto& entry = followed_.at(given);
  EXPECT_EQ(entry.ticket.owner, 3U);
  EXPECT_EQ(entry.ticket.generation, 4U);
  EXPECT_EQ(entry.ticket.slot, 5U);
  EXPECT_EQ(entry.ticket.kind, Ticket::Kind::kSession);
  EXPECT_EQ(entry.generation, given.generation);
  EXPECT_TRUE(entry.charges.empty());
  followed_.Forget(given);
}

TEST_F(FollowedRequestsTest, KeepTheChargesWithoutTheKeyThatWillBeGone) {
  const Ticket given = followed_.Follow(held_, {});
  followed_.Add(given, ChargeOf(7, "key"));
  followed_.Add(given, ChargeOf(8, ""));
  const auto& charges = followed_.at(given).charges;
  ASSERT_EQ(charges.size(), 2U);
  EXPECT_EQ(charges[0].bucket, 7U);
  EXPECT_EQ(charges[0].key, "");
  EXPECT_EQ(charges[1].bucket, 8U);
  followed_.Forget(given);
}

TEST_F(FollowedRequestsTest, UseTheirSnapshotUntilTheyAreForgotten) {
  const Ticket first = followed_.Follow(held_, {});
  const Ticket second = followed_.Follow(held_, {});
  EXPECT_NE(first.owner, second.owner);
  followed_.Forget(first);
  EXPECT_TRUE(held_.is_used());
  EXPECT_EQ(followed_.open(), 1U);
  followed_.Forget(second);
  EXPECT_FALSE(held_.is_used());
  EXPECT_EQ(followed_.open(), 0U);
}

TEST_F(FollowedRequestsTest, GiveAPlaceThatIsFreeAgainToAnotherGeneration) {
  const Ticket old = followed_.Follow(held_, {1, 0, 0, Ticket::Kind::kSession});
  followed_.Add(old, ChargeOf(7, "key"));
  followed_.Forget(old);
  const Ticket next = followed_.Follow(held_, {2, 0, 0, Ticket::Kind::kSession});
  EXPECT_EQ(next.owner, old.owner);
  EXPECT_NE(next.generation, old.generation);
  EXPECT_EQ(followed_.at(next).ticket.owner, 2U);
  EXPECT_TRUE(followed_.at(next).charges.empty());
  followed_.Forget(next);
}

}  // namespace
}  // namespace ringproxy::proxy
