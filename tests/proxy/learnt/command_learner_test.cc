#include "proxy/control/command_learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/fake_loop.h"
#include "tests/support/log_capture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using backends::NodeOrder;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::string_view kQuestion = "*1\r\n$7\r\nCOMMAND\r\n";

// An answer to COMMAND in which each of these reads its one key.
std::string Telling(const std::vector<std::string>& names) {
  std::string reply = "*" + std::to_string(names.size()) + "\r\n";
  for (const std::string& name : names) {
    reply +=
        "*6\r\n$" + std::to_string(name.size()) + "\r\n" + name + "\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n";
  }
  return reply;
}

// Two pools of two nodes that learn, and a third that does not; a listener of the first, of the first two, of all.
class CommandLearnerTest : public testing::Test {
 protected:
  struct Far {
    std::string answer = Telling({"my.a", "my.b"});  // Empty: it hangs.
    bool refuses = false;
    size_t questions = 0;
  };

  CommandLearnerTest() {
    spdlog::set_level(spdlog::level::off);
    for (uint16_t p = 0; p < 3; ++p) {
      conf::Pool& pool = config_.pools.emplace_back();
      pool.name = "pool" + std::to_string(p);
      pool.learn = p < 2;
      for (uint16_t n = 0; n < 2; ++n) {
        const auto port = static_cast<uint16_t>(2 * p + n);
        pool.nodes.push_back({"r" + std::to_string(port), {"10.0.0.1", port, ""}, 1});
      }
      conf::Listener& listener = config_.listeners.emplace_back();
      listener.name = "of " + std::to_string(p + 1);
      for (uint16_t q = 0; q <= p; ++q) listener.routes.push_back({std::to_string(q), "pool" + std::to_string(q)});
    }
  }

  void Start() {
    snapshot_ = MakeSnapshot(config_, registry_);
    rows_.emplace(LearningPools(config_));
    learner_.emplace(loop_, *snapshot_, 1, *rows_, [this](CommandLearner::Tables tables) {
      ++news_;
      tables_ = std::move(tables);
    });
    learner_->Start();
  }
  void Run(net::Duration time) {
    for (const net::TimePoint end = loop_.now() + time; loop_.now() < end; loop_.Advance(10ms)) {
      loop_.VisitOpen([this](size_t number, test::FakeSocket& socket) { Answer(number, socket); });
    }
  }
  void Answer(size_t number, test::FakeSocket& socket) {
    Far& far = far_[socket.endpoint.port];
    if (number >= connected_.size()) connected_.resize(number + 1);
    if (!connected_[number]) {
      connected_[number] = true;
      return socket.observer->OnConnected(far.refuses ? ECONNREFUSED : 0);
    }
    const std::string written = socket.TakeWritten();
    if (written == kPing) return socket.Receive("+PONG\r\n");
    if (written != kQuestion) return;
    ++far.questions;
    if (!far.answer.empty()) socket.Receive(far.answer);
  }
  backends::NodeRecord& Record(uint32_t node) { return *AllNodes(*snapshot_).at(node); }
  std::vector<std::string> LearntBy(size_t listener) const {
    std::vector<std::string> names;
    if (listener >= tables_.size() || !tables_[listener]) return names;
    for (const wire::CommandSpec* row : tables_[listener]->rows()) names.emplace_back(row->name);
    return names;
  }

  conf::Config config_;
  test::FakeLoop loop_;
  backends::NodeRegistry registry_{1};
  std::shared_ptr<const Snapshot> snapshot_;
  std::optional<LearntRows> rows_;
  Far far_[6];
  std::vector<bool> connected_;
  CommandLearner::Tables tables_;
  size_t news_ = 0;
  std::optional<CommandLearner> learner_;
};

TEST_F(CommandLearnerTest, AListenerLearnsWhatAllNodesBehindItSayAlike) {
  far_[2].answer = Telling({"my.b", "my.c"});
  Start();
  Run(2s);
  EXPECT_THAT(LearntBy(0), ElementsAre("my.a", "my.b"));
  EXPECT_THAT(LearntBy(1), ElementsAre("my.b"));
  EXPECT_EQ(tables_.at(2), nullptr);  // One of its pools does not learn.
  EXPECT_EQ(far_[4].questions + far_[5].questions, 0U);
}

TEST_F(CommandLearnerTest, SaysHowManyItHasLearnt) {
  const test::LogCapture log;
  far_[2].answer = Telling({"my.b"});
  Start();
  Run(2s);
  EXPECT_THAT(log.text(), testing::HasSubstr("listener of 1 has learnt 2 commands of its nodes, 0 of which"));
  EXPECT_THAT(log.text(), testing::HasSubstr("listener of 2 has learnt 1 command of its nodes, 0 of which"));
}

TEST_F(CommandLearnerTest, BelievesNobodyBeforeAllHaveBeenAsked) {
  far_[3].answer = "";
  Start();
  Run(4s);
  EXPECT_EQ(news_, 0U);
  Run(3s);  // Its time is over.
  EXPECT_EQ(news_, 1U);
  EXPECT_THAT(LearntBy(1), ElementsAre("my.a", "my.b"));
}

TEST_F(CommandLearnerTest, ANodeThatCannotBeAskedHasNoSayAndIsAskedAgainSoon) {
  far_[1].refuses = true;
  far_[1].answer = Telling({"my.b"});
  Start();
  Run(2s);
  EXPECT_THAT(LearntBy(0), ElementsAre("my.a", "my.b"));
  far_[1].refuses = false;
  Run(CommandLearner::kAskAgain + 2s);
  EXPECT_THAT(LearntBy(0), ElementsAre("my.b"));
}

TEST_F(CommandLearnerTest, ANodeThatHasGoneKeepsItsWord) {
  far_[1].answer = Telling({"my.b"});
  Start();
  Run(2s);
  far_[1].refuses = true;
  Run(2 * CommandLearner::kAskEvery);
  EXPECT_THAT(LearntBy(0), ElementsAre("my.b"));
}

TEST_F(CommandLearnerTest, AsksAgainWhenTheNodeIsBackAndElseOnceAMinute) {
  Start();
  Run(2s);
  const size_t once = far_[0].questions;
  EXPECT_EQ(once, 1U);
  far_[0].answer = far_[1].answer = Telling({"my.z"});
  Run(10s);
  EXPECT_EQ(far_[0].questions, once);
  Record(0).stats(0).connects.Add();
  Record(1).stats(0).connects.Add();
  Run(2s);
  EXPECT_EQ(far_[0].questions, once + 1);
  EXPECT_THAT(LearntBy(0), ElementsAre("my.z"));
  EXPECT_THAT(LearntBy(1), IsEmpty());
  Run(CommandLearner::kAskEvery + 2s);
  EXPECT_EQ(far_[0].questions, once + 2);
}

TEST_F(CommandLearnerTest, TellsItsOwnerOnlyOfNews) {
  Start();
  Run(3 * CommandLearner::kAskEvery);
  EXPECT_GE(far_[0].questions, 3U);
  EXPECT_EQ(news_, 1U);
}

TEST_F(CommandLearnerTest, LeavesADisabledNodeAlone) {
  Start();
  Run(2s);
  Record(0).order = NodeOrder::kDisable;
  Run(2 * CommandLearner::kAskEvery + 2s);
  EXPECT_EQ(far_[0].questions, 1U);
  EXPECT_EQ(far_[1].questions, 3U);
  Record(0).order = NodeOrder::kEnable;
  Run(2s);
  EXPECT_EQ(far_[0].questions, 2U);
}

// Its row may be given out for ever, so that of a node that tells of others each time there are no more than its share.
TEST_F(CommandLearnerTest, ANodeThatTellsOfOthersEachTimeIsNotBelievedForEver) {
  config_.pools[0].nodes.resize(1);
  config_.pools[1].learn = false;
  const test::LogCapture log;
  spdlog::set_level(spdlog::level::warn);
  Start();
  for (size_t first = 0; first <= LearntRows::kMostRows; first += wire::LearntRow::kMostRows) {
    std::vector<std::string> names;
    for (size_t i = 0; i < wire::LearntRow::kMostRows; ++i) names.push_back("my." + std::to_string(10'000 + first + i));
    far_[0].answer = Telling(names);
    Run(CommandLearner::kAskEvery + 2s);
  }
  EXPECT_EQ(rows_->size(), LearntRows::kMostRows);
  EXPECT_THAT(LearntBy(0), IsEmpty());
  EXPECT_THAT(log.text(), testing::HasSubstr("since the start its nodes have told of 4096 other commands"));
}

}  // namespace
}  // namespace ringproxy::proxy
