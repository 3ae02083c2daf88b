#include "proxy/session/message_order.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

class MessageOrderTest : public testing::Test {
 protected:
  uint32_t Open() { return replies_.Open({}); }
  void Answer(uint32_t slot) { replies_.Resolve(slot, backends::Reply(std::string_view("+OK\r\n")), {}, output_); }
  // Opens the slot of a PUBLISH; whether it has to wait.
  bool Publish() {
    const bool follows = order_.MustFollow(replies_, true);
    Open();
    return follows;
  }

  net::BlockPool pool_;
  net::SendQueue output_{pool_};
  ReplyQueue replies_{pool_};
  MessageOrder order_;
};

TEST_F(MessageOrderTest, APublicationWaitsForEverythingBeforeItButPublications) {
  EXPECT_FALSE(Publish());
  EXPECT_FALSE(Publish());
  const uint32_t write = Open();
  EXPECT_TRUE(Publish());
  for (uint32_t slot = 0; slot <= write + 1; ++slot) Answer(slot);
  EXPECT_FALSE(Publish());
}

TEST_F(MessageOrderTest, AfterTheWriteIsAnsweredPublicationsFollowOneAnother) {
  const uint32_t write = Open();
  EXPECT_TRUE(Publish());
  Answer(write);
  EXPECT_FALSE(Publish());
  EXPECT_FALSE(Publish());
  const uint32_t other = Open();
  EXPECT_TRUE(Publish());
  Answer(write + 1);
  Answer(write + 2);
  Answer(write + 3);
  Answer(other);
  Answer(other + 1);
  EXPECT_FALSE(Publish());
}

TEST_F(MessageOrderTest, AChangeOfSubscriptionsWaitsForEverything) {
  EXPECT_FALSE(order_.MustFollow(replies_, false));
  const uint32_t change = Open();
  Answer(change);
  EXPECT_FALSE(Publish());
  EXPECT_TRUE(order_.MustFollow(replies_, false));
  Open();
  EXPECT_TRUE(Publish()) << "and so does a publication behind it";
  for (uint32_t slot = change + 1; slot <= change + 3; ++slot) Answer(slot);
}

}  // namespace
}  // namespace ringproxy::proxy
