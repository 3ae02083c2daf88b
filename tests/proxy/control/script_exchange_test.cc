#include "proxy/control/script_exchange.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "ring/sha1.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

// Workers and the control loop as boxes that are emptied by hand.
class ScriptExchangeTest : public testing::Test {
 protected:
  struct NoSink final : backends::ReplySink {
    void OnReply(backends::Ticket, backends::Reply&&) override {}
    void OnFailure(backends::Ticket, const wire::Failure&) override {}
  };

  ScriptExchangeTest() {
    for (uint32_t i = 0; i < 3; ++i) posts_.push_back(exchange_.For(i));
    for (uint32_t i = 0; i < 3; ++i)
      workers_.push_back(std::make_unique<ScriptCalls>(sink_, blocks_, i, ScriptPosts{}));
  }
  void RunControl() {
    while (!control_.empty()) {
      const auto work = std::move(control_.front());
      control_.pop_front();
      work();
    }
  }
  void RunWorker(uint32_t worker) {
    for (const auto& word : std::exchange(boxes_[worker], {})) word(*workers_[worker]);
  }
  static LearntScript Script(const std::string& text, uint64_t flushes) {
    return {1, ring::Sha1Hex(text), std::make_shared<const std::string>(text), flushes};
  }

  NoSink sink_;
  net::BlockPool blocks_;
  std::deque<std::function<void()>> control_;
  std::vector<ScriptExchange::ScriptWord> boxes_[3];
  ScriptExchange exchange_{3,
                           [this](uint32_t worker, ScriptExchange::ScriptWord word) { boxes_[worker].push_back(word); },
                           [this](std::function<void()> work) { control_.push_back(std::move(work)); }};
  std::vector<ScriptPosts> posts_;
  std::vector<std::unique_ptr<ScriptCalls>> workers_;
};

TEST_F(ScriptExchangeTest, AllWorkersTogetherKeepNoMoreThanTheBound) {
  EXPECT_EQ(posts_[0].text_bytes, ScriptExchange::kTextBytes / 3);
}

TEST_F(ScriptExchangeTest, WhatOneHasLearntTheOthersAreTold) {
  posts_[0].learnt(Script("return 1", 0));
  RunControl();
  for (const uint32_t worker : {1, 2}) {
    RunWorker(worker);
    EXPECT_EQ(workers_[worker]->texts().count(), 1U);
  }
  EXPECT_EQ(boxes_[0].size(), 1U);  // That it was told.
}

TEST_F(ScriptExchangeTest, WhatWasLearntBeforeAFlushNeverArrivesBehindIt) {
  posts_[1].flush({1}, 0);
  posts_[0].learnt(Script("return 1", 0));
  RunControl();
  for (const uint32_t worker : {1, 2}) {
    RunWorker(worker);
    EXPECT_EQ(workers_[worker]->texts().count(), 0U);
  }
  // Who has heard of the flush may learn anew.
  posts_[2].learnt(Script("return 1", 1));
  RunControl();
  RunWorker(1);
  EXPECT_EQ(workers_[1]->texts().count(), 1U);
}

TEST_F(ScriptExchangeTest, AFlushIsOverWhenEveryWorkerHasForgotten) {
  posts_[1].flush({1}, 7);
  RunControl();
  RunWorker(0);
  // Its own worker hears of the end at last, and not before the third has forgotten.
  std::exchange(boxes_[1], {}).front()(*workers_[1]);
  RunControl();
  EXPECT_TRUE(boxes_[1].empty());
  RunWorker(2);
  RunControl();
  EXPECT_EQ(boxes_[1].size(), 1U);
}

}  // namespace
}  // namespace ringproxy::proxy
