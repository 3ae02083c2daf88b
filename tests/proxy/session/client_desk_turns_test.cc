// What clients ask about each other where other workers have to answer too: whose turn it is, and who waits in vain.
#include "tests/proxy/session/client_desk_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::EndsWith;

class ClientDeskTurns : public ClientDeskTest {
 protected:
  // There are three workers, and the others answer when the test says so.
  void BeOneOfThree() {
    client_posts_ = {.ask = [this](SharedQuestion question, uint64_t number) { asked_.emplace_back(question, number); },
                     .workers = 3};
  }
  void AnswerAll(const ClientAnswer& others = {}) {
    const auto [question, number] = asked_.back();
    ClientDesk& desk = worker_->clients();
    desk.OnAnswer(number, desk.Answer(*question));
    for (int i = 0; i < 2; ++i) desk.OnAnswer(number, ClientAnswer(others));
    Settle();
  }

  std::vector<std::pair<SharedQuestion, uint64_t>> asked_;
};

TEST_F(ClientDeskTurns, AnswersOfAllWorkersAreOneReply) {
  BeOneOfThree();
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  EXPECT_EQ(Do(client, "CLIENT LIST"), "");
  AnswerAll({.lines = {{9, "id=9\n"}}});
  EXPECT_THAT(client.TakeWritten(), AllOf(HasSubstr("id=1 "), EndsWith("\nid=9\nid=9\n\r\n")));
  EXPECT_EQ(Do(client, "CLIENT KILL TYPE normal"), "");
  AnswerAll({.count = 2});
  EXPECT_EQ(client.TakeWritten(), ":4\r\n");
}

TEST_F(ClientDeskTurns, TheAskersOwnCommandIsInItsBufferWhenOthersAnswerLater) {
  BeOneOfThree();
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  Client();
  EXPECT_EQ(Do(client, "CLIENT LIST"), "");
  AnswerAll();
  EXPECT_THAT(client.TakeWritten(), AllOf(ContainsRegex("id=1 [^\n]* qbuf=26 "), ContainsRegex("id=2 [^\n]* qbuf=0 ")));
  EXPECT_THAT(Do(client, "CLIENT INFO"), HasSubstr(" qbuf=26 "));
}

TEST_F(ClientDeskTurns, OneQuestionIsUnderWayAndOthersWaitInOrder) {
  BeOneOfThree();
  Start(TwoListeners());
  test::FakeSocket& first = Client();
  test::FakeSocket& second = Client();
  test::FakeSocket& third = Client();
  for (test::FakeSocket* client : {&first, &second, &third}) Do(*client, "CLIENT UNBLOCK 9");
  EXPECT_EQ(asked_.size(), 1U);
  // Whoever has left is passed over.
  worker_->clients().Answer({.deed = ClientQuestion::Deed::kKill, .filter = {.ids = std::vector<int64_t>{2}}});
  Settle();
  EXPECT_TRUE(second.closed());
  AnswerAll();
  EXPECT_EQ(first.TakeWritten(), ":0\r\n");
  EXPECT_EQ(asked_.size(), 2U);
  AnswerAll();
  EXPECT_EQ(third.TakeWritten(), ":0\r\n");
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(ClientDeskTurns, AWorkerThatDoesNotAnswerKeepsNobodyLongerThanTheBound) {
  BeOneOfThree();
  Start(TwoListeners());
  test::FakeSocket &first = Client(), &second = Client(), &third = Client();
  Do(first, "CLIENT LIST");
  loop_.Advance(400ms);
  Do(second, "CLIENT UNBLOCK 9");
  Do(third, "CLIENT LIST");
  loop_.Advance(600ms);
  Settle();
  for (test::FakeSocket* client : {&first, &second, &third})
    EXPECT_EQ(client->TakeWritten(), "-ERR a worker of ringproxy does not answer: try again\r\n");
  EXPECT_EQ(asked_.size(), 1U);
  Do(second, "CLIENT UNBLOCK 9");
  // What comes late is not taken for the answer to another question.
  for (int i = 0; i < 3; ++i) worker_->clients().OnAnswer(asked_[0].second, {.count = 1});
  Settle();
  EXPECT_EQ(second.TakeWritten(), "");
  AnswerAll();
  EXPECT_EQ(second.TakeWritten(), ":0\r\n");
  EXPECT_EQ(Do(first, "PING"), "+PONG\r\n");
}

TEST_F(ClientDeskTurns, WhoWaitsForHisTurnIsNotToldThatAWorkerIsStuck) {
  BeOneOfThree();
  Start(TwoListeners());
  std::vector<test::FakeSocket*> clients;
  for (int i = 0; i < 20; ++i) Do(*clients.emplace_back(&Client()), "CLIENT LIST ID 99");
  for (test::FakeSocket* client : clients) {
    loop_.Advance(300ms);
    Settle();
    AnswerAll();
    EXPECT_EQ(client->TakeWritten(), "$0\r\n\r\n");
  }
}

TEST_F(ClientDeskTurns, AnUnblockWaitsForOneListAtMostAndAListForOneUnblock) {
  BeOneOfThree();
  Start(TwoListeners());
  const auto deed = [this] { return asked_.back().first->deed; };
  for (size_t i = 0; i <= ClientDesk::kMostWaiting; ++i) Do(Client(), "CLIENT LIST ID 99");
  Do(Client(), "CLIENT UNBLOCK 9");
  Do(Client(), "CLIENT UNBLOCK 9");
  using Deed = ClientQuestion::Deed;
  for (const Deed expected : {Deed::kList, Deed::kUnblock, Deed::kList, Deed::kUnblock, Deed::kList, Deed::kList}) {
    EXPECT_EQ(deed(), expected);
    AnswerAll();
  }
  loop_.Advance(1s);
  Settle();
}

TEST_F(ClientDeskTurns, MoreThanSomeDoNotWait) {
  BeOneOfThree();
  Start(TwoListeners());
  for (size_t i = 0; i <= ClientDesk::kMostWaiting; ++i) Do(Client(), "CLIENT UNBLOCK 9");
  EXPECT_EQ(Do(Client(), "CLIENT UNBLOCK 9"), "-ERR too many clients ask about the others: ask again later\r\n");
  loop_.Advance(1s);
  Settle();
}

}  // namespace
}  // namespace ringproxy::proxy
