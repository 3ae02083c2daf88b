#include "backends/net/mailbox.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/backends/net/event_base_fixture.h"

namespace ringproxy::net {
namespace {

class MailboxTest : public EventBaseTest {
 protected:
  void PostNumber(int number) {
    mailbox_->Post([this, number] { done_.push_back(number); });
  }

  std::unique_ptr<Mailbox> mailbox_ = std::make_unique<Mailbox>(home());
  std::vector<int> done_;
};

TEST_F(MailboxTest, RunsNothingBeforeTheLoopTurnsAndThenAllInTheOrderOfPosting) {
  for (int i = 0; i < 5; ++i) PostNumber(i);
  EXPECT_TRUE(done_.empty());
  Turn();
  EXPECT_EQ(done_, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(MailboxTest, RunsEachWorkOnce) {
  PostNumber(1);
  Turn();
  Turn();
  EXPECT_EQ(done_, std::vector<int>{1});
}

TEST_F(MailboxTest, WakesTheLoopAgainAfterItHasBeenEmpty) {
  for (int i = 0; i < 3; ++i) {
    PostNumber(i);
    Turn();
    EXPECT_EQ(done_.size(), static_cast<size_t>(i + 1));
  }
}

TEST_F(MailboxTest, LeavesWhatItsWorkPostsForALaterTurn) {
  mailbox_->Post([this] {
    PostNumber(2);
    done_.push_back(1);
  });
  Turn();
  EXPECT_EQ(done_, std::vector<int>{1});
  Turn();
  EXPECT_EQ(done_, (std::vector<int>{1, 2}));
}

TEST_F(MailboxTest, WakesALoopThatWaitsAndRunsTheWorkOnTheLoopsThread) {
  std::thread::id ran_on;
  std::jthread poster([&] { mailbox_->Post([&] { ran_on = std::this_thread::get_id(); }); });
  EXPECT_TRUE(RunUntil([&] { return ran_on != std::thread::id(); }));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(MailboxTest, LosesNothingOfManyThreadsAndKeepsTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  {
    std::vector<std::jthread> posters;
    for (int thread = 0; thread < kThreads; ++thread) {
      posters.emplace_back([this, thread] {
        for (int i = 0; i < kEach; ++i) PostNumber(thread * kEach + i);
      });
    }
    EXPECT_TRUE(RunUntil([&] { return done_.size() == kThreads * kEach; }));
  }
  for (int thread = 0; thread < kThreads; ++thread) {
    std::vector<int> own;
    std::ranges::copy_if(done_, std::back_inserter(own), [&](int number) { return number / kEach == thread; });
    EXPECT_EQ(own.size(), static_cast<size_t>(kEach));
    EXPECT_TRUE(std::ranges::is_sorted(own));
  }
}

TEST_F(MailboxTest, LetsGoOfWhatItHasNotRunWhenItDies) {
  auto held = std::make_shared<int>(0);
  mailbox_->Post([held] { ++*held; });
  mailbox_.reset();
  Turn();
  EXPECT_EQ(*held, 0);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace ringproxy::net
