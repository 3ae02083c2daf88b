#include "proxy/guard/limit_store.h"

#include <gmock/gmock.h>

#include "tests/proxy/guard/limiter_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

// In place of the limiter's own.
class LimitStoreTest : public LimiterFixture, private LimitStore::Asker {
 protected:
  LimitStoreTest() {
    Make(LimitedFleet());
    LimitStore::Asker& asker = *this;
    store_.emplace(io_, asker);
  }
  void Ask(uint64_t number) {
    LimitStore::Question question;
    question.bucket = number;
    question.key = "k" + std::to_string(number);
    question.terms = {.rate = {.amount = 10}, .burst = 1};
    store_->Ask(*held_, std::move(question));
    Flush();
  }
  // "3 reply +OK": question 3 was answered so.
  std::vector<std::string> TakeAnswers() { return std::exchange(answers_, {}); }

  void OnStoreAnswer(const LimitStore::Question& question, LimitStore::StoreOutcome outcome,
                     std::string_view reply) override {
    constexpr const char* kOutcomes[] = {"reply", "timeout", "error"};
    const uint64_t number = question.bucket;
    answers_.push_back(std::to_string(number) + " " + kOutcomes[static_cast<size_t>(outcome)]);
    if (outcome == LimitStore::StoreOutcome::kReply)
      answers_.back().append(" ").append(reply.substr(0, reply.find('\r')));
    // The entries grow while one of them is being answered.
    for (; follow_ups_ > 0; --follow_ups_) Ask(1'000 + follow_ups_);
    EXPECT_EQ(question.bucket, number);
    EXPECT_EQ(question.key, "k" + std::to_string(number));
  }
  void OnReply(Ticket ticket, backends::Reply&& reply) override { store_->OnReply(ticket, std::move(reply)); }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override { store_->OnFailure(ticket, failure); }

  std::optional<LimitStore> store_;
  std::vector<std::string> answers_;
  uint64_t follow_ups_ = 0;
};

TEST_F(LimitStoreTest, AnswersEachQuestionWithItsReply) {
  for (uint64_t i = 1; i <= 3; ++i) Ask(i);
  EXPECT_THAT(TakeQuestions(), SizeIs(3));
  Answer(":1\r\n:2\r\n");
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 reply :1", "2 reply :2"));
  Ask(4);
  Answer(":3\r\n-ERR no\r\n");
  EXPECT_THAT(TakeAnswers(), ElementsAre("3 reply :3", "4 error"));
}

TEST_F(LimitStoreTest, AnswersInTimeAndDropsWhatComesLater) {
  Ask(1);
  Advance(10ms);
  Ask(2);
  Advance(9ms);
  EXPECT_THAT(TakeAnswers(), IsEmpty());
  Advance(1ms);
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 timeout"));
  Ask(3);
  Answer(":1\r\n:2\r\n:3\r\n");
  EXPECT_THAT(TakeAnswers(), ElementsAre("2 reply :2", "3 reply :3"));
  Advance(1s);
  EXPECT_THAT(TakeAnswers(), IsEmpty());
}

TEST_F(LimitStoreTest, APlaceThatIsUsedAgainHasADeadlineOfItsOwn) {
  Ask(1);
  Answer(":1\r\n");
  Advance(15ms);
  Ask(2);
  TakeAnswers();
  Advance(19ms);
  EXPECT_THAT(TakeAnswers(), IsEmpty());
  Advance(1ms);
  EXPECT_THAT(TakeAnswers(), ElementsAre("2 timeout"));
}

TEST_F(LimitStoreTest, SendsTheTextOfAnUnknownScriptOnce) {
  Ask(1);
  EXPECT_EQ(TakeQuestions().at(0)[0], "EVALSHA");
  Answer("-NOSCRIPT No matching script.\r\n");
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(questions[0][0], "EVAL");
  EXPECT_EQ(questions[0][1], LeaseScript());
  EXPECT_EQ(questions[0][3], "k1");
  Answer("-NOSCRIPT No matching script.\r\n");
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 error"));
  Ask(2);
  Answer("-NOSCRIPT No matching script.\r\n");
  Answer(":2\r\n");
  EXPECT_THAT(TakeAnswers(), ElementsAre("2 reply :2"));
}

TEST_F(LimitStoreTest, SendsNoTextForWhatNobodyWaitsForAnyMore) {
  Ask(1);
  Advance(20ms);
  TakeQuestions();
  Answer("-NOSCRIPT No matching script.\r\n");
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 timeout"));
}

TEST_F(LimitStoreTest, TheTextGetsNoMoreTimeThanTheQuestion) {
  Ask(1);
  Advance(15ms);
  Answer("-NOSCRIPT No matching script.\r\n");
  Advance(5ms);
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 timeout"));
  Answer(":1\r\n");
  EXPECT_THAT(TakeAnswers(), IsEmpty());
}

TEST_F(LimitStoreTest, FailsAtOnceWhenTheNodeIsDown) {
  Ask(1);
  Ask(2);
  LoseStore();
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 error", "2 error"));
  Ask(3);
  EXPECT_THAT(TakeAnswers(), ElementsAre("3 error"));
  Advance(1s);
  EXPECT_THAT(TakeAnswers(), IsEmpty());
}

TEST_F(LimitStoreTest, AnAnswerMayLeadToManyQuestions) {
  for (const char* reply : {":1\r\n", "-ERR no\r\n"}) {
    follow_ups_ = 100;
    Ask(1);
    Answer(reply);
    EXPECT_THAT(TakeAnswers(), SizeIs(1));
    Advance(20ms);
    EXPECT_THAT(TakeAnswers(), SizeIs(100));
    std::string late;
    for (int i = 0; i < 100; ++i) late += ":1\r\n";
    Answer(late);
    EXPECT_THAT(TakeAnswers(), IsEmpty());
  }
  follow_ups_ = 100;
  Ask(1);
  Advance(20ms);
  EXPECT_THAT(TakeAnswers(), SizeIs(1));
  Advance(20ms);
  EXPECT_THAT(TakeAnswers(), SizeIs(100));
  follow_ups_ = 500;
  Ask(2);
  LoseStore();
  EXPECT_THAT(TakeAnswers(), SizeIs(501));
}

}  // namespace
}  // namespace ringproxy::proxy
