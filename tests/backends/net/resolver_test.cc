#include "backends/net/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <vector>

#include "tests/backends/net/event_base_fixture.h"
#include "tests/support/fake_names.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

// A lookup counts as one that hangs as soon as it is under way.
constexpr NameTable::NameTerms kAtOnce{.fresh = Duration(0), .patience = Duration(0), .quick = 1};

class ResolverTest : public EventBaseTest {
 protected:
  void Make(NameTable::NameTerms terms = {}) { resolver_.emplace(names_.LookUp(), terms); }
  void Ask(const std::string& host) {
    questions_.push_back(resolver_->Ask(loop_, host, [this, host](const ResolvedName& name) {
      EXPECT_EQ(std::this_thread::get_id(), own_thread_);
      answers_.push_back(host + " " +
                         (name.addresses.empty() ? gai_strerror(name.error) : HostText(name.addresses[0])));
    }));
  }
  bool RunUntilAnswers(size_t number) {
    return RunUntil([&] { return answers_.size() >= number; });
  }

  using Answers = std::vector<std::string>;

  const std::thread::id own_thread_ = std::this_thread::get_id();
  PostedWork loop_{base()};
  test::FakeNames names_;
  std::optional<Resolver> resolver_;
  std::vector<std::unique_ptr<NameQuestion>> questions_;
  Answers answers_;
};

TEST_F(ResolverTest, AnswersOnTheLoopThatAskedAndNotBeforeAskReturns) {
  Make();
  names_.Know("a", {"1.0.0.1"});
  Ask("a");
  Ask("gone");
  EXPECT_TRUE(answers_.empty());
  ASSERT_TRUE(RunUntilAnswers(2));
  std::ranges::sort(answers_);
  EXPECT_EQ(answers_, (Answers{"a 1.0.0.1", "gone Name or service not known"}));
  Ask("a");  // A fresh answer waits for the next turn too.
  EXPECT_EQ(answers_.size(), 2U);
  ASSERT_TRUE(RunUntilAnswers(3));
  EXPECT_EQ(names_.lookups("a"), 1);
}

TEST_F(ResolverTest, LooksANameUpOnceForAllWhoAsk) {
  Make();
  names_.Know("a", {"1.0.0.1"});
  names_.Hang("a");
  for (int i = 0; i < 5; ++i) Ask("a");
  ASSERT_TRUE(names_.WaitForLookups("a", 1));
  names_.Release();
  ASSERT_TRUE(RunUntilAnswers(5));
  EXPECT_EQ(answers_, Answers(5, "a 1.0.0.1"));
  EXPECT_EQ(names_.lookups("a"), 1);
}

TEST_F(ResolverTest, ShowsTheLastAnswer) {
  Make();
  names_.Know("a", {"1.0.0.1", "1.0.0.2"});
  EXPECT_EQ(resolver_->Last("a"), nullptr);
  const WallTime before = std::chrono::system_clock::now();
  Ask("a");
  ASSERT_TRUE(RunUntilAnswers(1));
  const auto last = resolver_->Last("a");
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->addresses.size(), 2U);
  EXPECT_EQ(last->error, 0);
  EXPECT_GE(last->found_at, before);
  EXPECT_EQ(last->found_at, last->asked_at);
}

TEST_F(ResolverTest, SaysNothingToAQuestionThatIsGone) {
  Make();
  names_.Know("a", {"1.0.0.1"});
  names_.Hang("a");
  Ask("a");
  Ask("a");
  ASSERT_TRUE(names_.WaitForLookups("a", 1));
  questions_[0].reset();
  names_.Release();
  ASSERT_TRUE(RunUntil([&] { return resolver_->Last("a") != nullptr; }));
  ASSERT_TRUE(RunUntilAnswers(1));
  for (int i = 0; i < 5; ++i) Turn();
  EXPECT_EQ(answers_.size(), 1U);
  Ask("a");
  questions_.clear();  // Its answer is posted already.
  for (int i = 0; i < 5; ++i) Turn();
  EXPECT_EQ(answers_.size(), 1U);
}

TEST_F(ResolverTest, AnswersNamesBesideMoreThanTheFewThatHang) {
  Make(kAtOnce);
  names_.Know("good", {"1.0.0.1"});
  for (int i = 0; i < 10; ++i) {
    names_.Hang("h" + std::to_string(i));
    Ask("h" + std::to_string(i));
    ASSERT_TRUE(names_.WaitForLookups("h" + std::to_string(i), 1));
  }
  Ask("good");
  ASSERT_TRUE(RunUntilAnswers(1));
  EXPECT_EQ(answers_, Answers{"good 1.0.0.1"});
}

TEST_F(ResolverTest, AnswersByIPv4WhileTheLookupForAllFamiliesHangs) {
  Make(kAtOnce);
  names_.Know("half", {"1.0.0.1"});
  names_.Hang("half", false);
  Ask("half");
  ASSERT_TRUE(RunUntilAnswers(1));
  EXPECT_EQ(answers_, Answers{"half 1.0.0.1"});
  EXPECT_TRUE(names_.WaitForLookups("half", 2));
}

// Real time: a name that waits is not forgotten when nobody asks again.
TEST_F(ResolverTest, BeginsWhatWaitsAsSoonAsTheOthersHang) {
  Make({.patience = 20ms, .quick = 1});
  names_.Know("good", {"1.0.0.1"});
  names_.Hang("hangs");
  Ask("hangs");
  Ask("good");
  ASSERT_TRUE(RunUntilAnswers(1));
  EXPECT_EQ(answers_, Answers{"good 1.0.0.1"});
}

TEST_F(ResolverTest, DoesNotWaitAtItsEndForALookupThatHangs) {
  Make();
  names_.Hang("hangs");
  Ask("hangs");
  ASSERT_TRUE(names_.WaitForLookups("hangs", 1));
  resolver_.reset();
  EXPECT_TRUE(answers_.empty());
  questions_.clear();
  names_.Release();
  for (int i = 0; i < 5; ++i) Turn();
  EXPECT_TRUE(answers_.empty());
}

TEST_F(ResolverTest, ServesManyLoopsAtOnce) {
  Make({.fresh = Duration(0), .patience = 1ms, .quick = 2});
  for (int name = 0; name < 5; ++name) names_.Know("n" + std::to_string(name), {"1.0.0." + std::to_string(name)});
  const auto ask = [this] {
    TestEventBase own;
    PostedWork loop(own.base());
    int good = 0;
    for (int round = 0; round < 20; ++round) {
      std::vector<std::unique_ptr<NameQuestion>> questions;
      int answers = 0;
      for (int name = 0; name < 5; ++name) {
        questions.push_back(resolver_->Ask(loop, "n" + std::to_string(name), [&, name](const ResolvedName& found) {
          ++answers;
          if (HostText(found.addresses.at(0)) == "1.0.0." + std::to_string(name)) ++good;
        }));
      }
      if (round % 4 == 3) continue;  // All of them are taken back.
      EXPECT_TRUE(own.RunUntil([&] { return answers == 5; }));
    }
    EXPECT_EQ(good, 15 * 5);
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(ask);
}

}  // namespace
}  // namespace ringproxy::net
