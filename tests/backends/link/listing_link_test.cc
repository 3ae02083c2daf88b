#include "backends/link/listing_link.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

class ListingLinkTest : public testing::Test, public ListingLink::ListingUser {
 protected:
  void OnLines(std::string_view lines) override {
    lines_ += lines;
    if (closes_) link_.Close();
    if (holds_) link_.Hold(true);
  }
  void OnLastLine(std::string_view line) override { last_ += std::string(line) + "|"; }
  void OnListingFailed(wire::ErrorCode code) override { failures_.push_back(code); }

  test::FakeSocket& Start(const conf::Auth& auth = {}) {
    settings_.protocol = conf::Protocol::kMemcached;
    settings_.auth = auth;
    link_.Start(settings_, "list\r\n", "key=");
    return loop_.last_socket();
  }
  test::FakeSocket& Asked() {
    test::FakeSocket& node = Start();
    node.observer->OnConnected(0);
    EXPECT_EQ(node.TakeWritten(), "mn\r\n");
    node.Receive("MN\r\n");
    EXPECT_EQ(node.TakeWritten(), "list\r\n");
    return node;
  }
  void ExpectFailure(wire::ErrorCode code) {
    EXPECT_EQ(failures_, std::vector{code});
    EXPECT_TRUE(loop_.last_socket().closed());
    EXPECT_EQ(last_, "");
  }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  ListingLink link_{io_, *this};
  std::string lines_;
  std::string last_;
  std::vector<wire::ErrorCode> failures_;
  bool closes_ = false;
  bool holds_ = false;
};

TEST_F(ListingLinkTest, HandsOverLinesAsTheyComeHoweverTheyAreCut) {
  test::FakeSocket& node = Asked();
  const std::string list = "key=a x\nkey=bb y\r\n";
  for (const char c : list) node.Receive({c});
  EXPECT_EQ(lines_, list);
  node.Receive("key=c\nEN");
  EXPECT_EQ(lines_, list + "key=c\n");
  node.Receive("D\r\nanything");
  EXPECT_EQ(last_, "END|");
  EXPECT_TRUE(node.closed());
  EXPECT_TRUE(failures_.empty());
}

TEST_F(ListingLinkTest, TakesAnOkForTheBeginningOfTheListThere) {
  test::FakeSocket& node = Asked();
  node.Receive("OK\r\nkey=a\nEND\r\n");
  EXPECT_EQ(lines_, "OK\r\nkey=a\n");
  EXPECT_EQ(last_, "END|");
  Asked().Receive("OK\r\nOK\r\n");
  EXPECT_EQ(last_, "END|OK|");
}

TEST_F(ListingLinkTest, LogsIn) {
  conf::Auth auth;
  auth.password_file = "given";
  auth.username = "u";
  auth.password = "p";
  test::FakeSocket& node = Start(auth);
  node.observer->OnConnected(0);
  EXPECT_EQ(node.TakeWritten(), "set auth 0 0 3\r\nu p\r\n");
  node.Receive("STORED\r\nMN\r\n");
  EXPECT_EQ(node.TakeWritten(), "mn\r\nlist\r\n");
  node.Receive("END\r\n");
  EXPECT_EQ(last_, "END|");
}

TEST_F(ListingLinkTest, EndsWithWhateverIsNoLineOfTheList) {
  test::FakeSocket& node = Asked();
  node.Receive("BUSY currently processing crawler request\r\n");
  EXPECT_EQ(last_, "BUSY currently processing crawler request|");
  EXPECT_EQ(lines_, "");
  // And may ask anew.
  Asked().Receive("END\r\n");
  EXPECT_EQ(last_, "BUSY currently processing crawler request|END|");
}

TEST_F(ListingLinkTest, FailsWhereTheNodeIsGoneOrRefusesOrIsNone) {
  Start().observer->OnConnected(ECONNREFUSED);
  ExpectFailure(wire::ErrorCode::kNodeDown);
  failures_.clear();
  Asked().ReceiveEnd();
  ExpectFailure(wire::ErrorCode::kNodeDown);
  failures_.clear();
  test::FakeSocket& refusing = Start();
  refusing.observer->OnConnected(0);
  refusing.Receive("CLIENT_ERROR unauthenticated\r\n");
  ExpectFailure(wire::ErrorCode::kNodeDown);
  failures_.clear();
  Asked().Receive("key=" + std::string(ListingLink::kLongestLine, 'k'));
  ExpectFailure(wire::ErrorCode::kBadReply);
}

TEST_F(ListingLinkTest, WaitsSoLongForTheNodeAndNoLongerWhileItIsHeld) {
  Start();
  loop_.Advance(conf::TotalOf(settings_.timeouts));
  ExpectFailure(wire::ErrorCode::kTimeout);
  failures_.clear();
  test::FakeSocket& node = Asked();
  for (int i = 0; i < 3; ++i) {
    loop_.Advance(conf::LongestOf(settings_.timeouts) - net::Duration(1));
    node.Receive("key=a\n");
  }
  EXPECT_TRUE(failures_.empty());
  link_.Hold(true);
  EXPECT_FALSE(node.watches_reads);
  loop_.Advance(10 * conf::LongestOf(settings_.timeouts));
  EXPECT_TRUE(failures_.empty());
  link_.Hold(false);
  loop_.Advance(conf::LongestOf(settings_.timeouts));
  ExpectFailure(wire::ErrorCode::kTimeout);
}

TEST_F(ListingLinkTest, ReadsNoMoreThanItsBoundBeforeSomebodyMayHoldIt) {
  test::FakeSocket& node = Asked();
  holds_ = true;
  std::string list;
  while (list.size() < 4 * ListingLink::kAtOnce) list += "key=" + std::string(40, 'k') + "\n";
  node.Receive(list);
  EXPECT_LE(lines_.size(), ListingLink::kAtOnce);
  EXPECT_EQ(node.incoming.size(), list.size() - ListingLink::kAtOnce);
}

TEST_F(ListingLinkTest, MayBeClosedWithinItsLines) {
  test::FakeSocket& node = Asked();
  closes_ = true;
  node.Receive("key=a\nEND\r\n");
  EXPECT_TRUE(node.closed());
  EXPECT_EQ(last_, "");
  EXPECT_TRUE(failures_.empty());
}

TEST_F(ListingLinkTest, SaysTheRestWhenThereIsRoom) {
  test::FakeSocket& node = Start();
  node.room = 1;
  node.observer->OnConnected(0);
  EXPECT_TRUE(node.watches_writes);
  node.room = SIZE_MAX;
  node.observer->OnWritable();
  EXPECT_FALSE(node.watches_writes);
  EXPECT_EQ(node.TakeWritten(), "mn\r\n");
}

}  // namespace
}  // namespace ringproxy::backends
