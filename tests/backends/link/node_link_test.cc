#include "backends/link/node_link.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <spdlog/spdlog.h>

#include <cerrno>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;
using State = LinkState;

constexpr const char* kPing = "*1\r\n$4\r\nPING\r\n";

// Remembers what it hears, in order.
class NodeLinkTest : public testing::Test, protected NodeLink::User {
 protected:
  NodeLinkTest() {
    spdlog::set_level(spdlog::level::off);
    settings_.timeouts.connect = 500ms;
    settings_.reconnect.initial = 50ms;
    settings_.reconnect.max = 400ms;
  }
  net::Duration WaitToConnect() override { return wait_; }
  void OnReady(ServerVersion) override { heard_.emplace_back("ready"); }
  void OnBytes() override {
    while (const std::optional<ReplyFrame> reply = link_.NextReply()) {
      heard_.emplace_back(reply->bytes());
      reply->Drop();
      if (on_reply_) on_reply_();
    }
  }
  void OnConnectFailed(std::string_view why) override { heard_.push_back("failed: " + std::string(why)); }
  void OnRefused(Flavour, std::string_view why) override { heard_.push_back("refused: " + std::string(why)); }
  void OnLost(std::string_view why) override { heard_.push_back("lost: " + std::string(why)); }

  void BecomeReady() {
    Node().observer->OnConnected(0);
    EXPECT_EQ(Node().TakeWritten(), kPing);
    Node().Receive("+PONG\r\n");
    EXPECT_EQ(link_.state(), State::kReady);
  }
  void ConnectWell() {
    link_.Connect();
    BecomeReady();
    heard_.clear();
  }
  void FlushAll() {
    for (Flushable* flushable : std::exchange(flush_list_, {})) flushable->Flush();
  }
  std::vector<std::string> TakeHeard() { return std::exchange(heard_, {}); }
  test::FakeSocket& Node() { return loop_.last_socket(); }

  using Heard = std::vector<std::string>;

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  NodeStats stats_;
  FlushList flush_list_;
  Heard heard_;
  net::Duration wait_{0};
  std::function<void()> on_reply_;
  PushCounter pushes_{stats_};
  NodeLink link_{{io_, settings_, flush_list_, stats_, pushes_}, *this};
};

TEST_F(NodeLinkTest, ConnectsGreetsAndHandsWholeRepliesUp) {
  EXPECT_EQ(link_.state(), State::kIdle);
  EXPECT_FALSE(link_.accepts());
  link_.Connect();
  EXPECT_TRUE(link_.accepts());
  BecomeReady();
  EXPECT_EQ(TakeHeard(), (Heard{"ready"}));
  Node().Receive("+one\r\n$3\r\nt");
  EXPECT_EQ(TakeHeard(), (Heard{"+one\r\n"}));
  EXPECT_EQ(link_.stream().bytes_needed(), 9U);
  Node().Receive("wo\r\n");
  EXPECT_EQ(TakeHeard(), (Heard{"$3\r\ntwo\r\n"}));
  EXPECT_EQ(stats_.connects.value(), 1U);
  EXPECT_EQ(stats_.ready_connections.value(), 1U);
}

TEST_F(NodeLinkTest, WritesWhatItKeptOnceItIsGreetedInTheTurnsOneWrite) {
  link_.Connect();
  link_.Write(std::string_view("kept "));
  EXPECT_TRUE(flush_list_.empty());
  BecomeReady();
  link_.Write(std::string_view("and new"));
  ASSERT_EQ(flush_list_.size(), 1U);
  EXPECT_EQ(flush_list_[0]->batch_bytes(), 12U);
  Node().writes = 0;
  FlushAll();
  EXPECT_EQ(Node().written, "kept and new");
  EXPECT_EQ(Node().writes, 1U);
  EXPECT_EQ(link_.batch_bytes(), 0U);
  EXPECT_EQ(stats_.bytes_sent.value(), 12U);
}

TEST_F(NodeLinkTest, WaitsForRoomAndIsNotFlushedMeanwhile) {
  ConnectWell();
  Node().room = 2;
  link_.Write(std::string_view("abcd"));
  FlushAll();
  link_.Write(std::string_view("ef"));
  EXPECT_TRUE(flush_list_.empty());
  Node().room = 100;
  Node().observer->OnWritable();
  EXPECT_EQ(Node().written, "abcdef");
}

TEST_F(NodeLinkTest, AsksItsUserBeforeEachAttempt) {
  wait_ = 30ms;
  link_.Connect();
  EXPECT_EQ(link_.state(), State::kBackoff);
  EXPECT_EQ(loop_.sockets(), 0U);
  wait_ = 0ms;
  loop_.Advance(30ms);
  EXPECT_EQ(link_.state(), State::kConnecting);
}

TEST_F(NodeLinkTest, SaysWhatIsWrongWithANameInTheResolversWords) {
  settings_.endpoint.host = "redis-1.exampel";
  link_.Connect();
  Node().observer->OnConnected(EAI_NONAME);
  EXPECT_EQ(TakeHeard(), (Heard{"failed: cannot resolve redis-1.exampel: Name or service not known", "lost: "}));
  link_.Hurry();
  Node().is_resolving = true;
  loop_.Advance(500ms);
  EXPECT_EQ(TakeHeard(), (Heard{"failed: cannot resolve redis-1.exampel: no answer yet", "lost: "}));
  link_.Hurry();
  loop_.Advance(500ms);
  EXPECT_EQ(TakeHeard(), (Heard{"failed: connecting timed out", "lost: "}));
}

TEST_F(NodeLinkTest, SaysHowLongItWaitsToBeConnected) {
  link_.Connect();
  EXPECT_EQ(Node().endpoint.patience, 500ms);
}

TEST_F(NodeLinkTest, TellsHowAnAttemptFailedAndThatWhatItKeptIsGone) {
  link_.Connect();
  link_.Write(std::string_view("kept"));
  Node().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(TakeHeard(), (Heard{"failed: Connection refused", "lost: "}));
  EXPECT_EQ(link_.batch_bytes(), 0U);
  EXPECT_FALSE(link_.accepts());
  link_.Hurry();
  EXPECT_EQ(link_.state(), State::kConnecting);
  EXPECT_FALSE(link_.accepts());  // It failed a moment ago.
  Node().observer->OnConnected(0);
  Node().Receive("-LOADING x\r\n");
  EXPECT_EQ(TakeHeard(), (Heard{"failed: LOADING x", "lost: "}));
  link_.Hurry();
  loop_.Advance(500ms);
  EXPECT_EQ(TakeHeard(), (Heard{"failed: connecting timed out", "lost: "}));
  link_.Hurry();
  Node().observer->OnConnected(0);
  loop_.Advance(500ms);
  EXPECT_EQ(TakeHeard(), (Heard{"failed: the handshake timed out", "lost: "}));
  EXPECT_EQ(stats_.connect_failures.value(), 4U);
}

TEST_F(NodeLinkTest, ReturnsAtOnceWhenAConnectionThatHadLastedIsLost) {
  ConnectWell();
  loop_.Advance(50ms);
  Node().ReceiveEnd();
  EXPECT_EQ(TakeHeard(), (Heard{"lost: closed by the node"}));
  EXPECT_EQ(link_.state(), State::kConnecting);
  EXPECT_TRUE(link_.accepts());
  EXPECT_EQ(stats_.ready_connections.value(), 0U);
}

TEST_F(NodeLinkTest, ReturnsOnceOnlyToANodeThatKeepsNoConnection) {
  ConnectWell();
  Node().ReceiveEnd();
  EXPECT_EQ(link_.state(), State::kConnecting);
  BecomeReady();
  heard_.clear();
  Node().ReceiveEnd();
  EXPECT_EQ(TakeHeard(), (Heard{"failed: closed by the node", "lost: closed by the node"}));
  EXPECT_EQ(link_.state(), State::kBackoff);
}

TEST_F(NodeLinkTest, AcceptsNothingForANodeOfBadOutlookUntilItIsReady) {
  ConnectWell();
  loop_.Advance(1s);
  link_.Break("silent", NodeLink::Outlook::kBad);
  EXPECT_EQ(link_.state(), State::kConnecting);
  EXPECT_FALSE(link_.accepts());
  BecomeReady();
  EXPECT_TRUE(link_.accepts());
}

TEST_F(NodeLinkTest, BreaksOnWhatIsNoReplyAndOnWhatComesBehindTheGreetingsLast) {
  ConnectWell();
  loop_.Advance(1s);
  Node().Receive("hello\r\n");
  EXPECT_EQ(TakeHeard(), (Heard{"lost: not a reply of its protocol"}));
  Node().observer->OnConnected(0);
  Node().Receive("+PONG\r\n+");
  EXPECT_EQ(TakeHeard().back(), "lost: a reply that nobody asked for");
}

TEST_F(NodeLinkTest, StaysForTheRepliesToComeAndThenReopensIfItIsTold) {
  ConnectWell();
  link_.Drain(true);
  EXPECT_EQ(link_.state(), State::kDraining);
  EXPECT_FALSE(link_.accepts());
  link_.Reopen();
  Node().Receive("+last\r\n");
  EXPECT_EQ(TakeHeard(), (Heard{"+last\r\n"}));
  link_.Close();
  EXPECT_EQ(TakeHeard(), (Heard{"lost: "}));
  EXPECT_EQ(link_.state(), State::kConnecting);
  BecomeReady();
  link_.Drain(false);
  EXPECT_EQ(link_.state(), State::kClosed);
  EXPECT_TRUE(Node().closed());
  link_.Reopen();
  EXPECT_EQ(link_.state(), State::kConnecting);
}

TEST_F(NodeLinkTest, ClosesForGoodWhenItBreaksWhileItDrains) {
  ConnectWell();
  link_.Drain(true);
  Node().ReceiveEnd();
  EXPECT_EQ(TakeHeard(), (Heard{"lost: "}));
  EXPECT_EQ(link_.state(), State::kClosed);
}

// Also when a new connection has taken the old one's place within the call.
TEST_F(NodeLinkTest, MayBeClosedOrBrokenByItsUserWhileItHandsRepliesUp) {
  ConnectWell();
  loop_.Advance(1s);
  on_reply_ = [this] { link_.Break("enough"); };
  Node().Receive("+one\r\n+two\r\n");
  EXPECT_EQ(TakeHeard(), (Heard{"+one\r\n", "lost: enough"}));
  EXPECT_EQ(link_.state(), State::kConnecting);
  BecomeReady();
  heard_.clear();
  on_reply_ = [this] { link_.Close(); };
  Node().Receive("+one\r\n+two\r\n");
  EXPECT_EQ(TakeHeard(), (Heard{"+one\r\n", "lost: "}));
  EXPECT_EQ(link_.state(), State::kClosed);
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
}

TEST_F(NodeLinkTest, RepeatsAnAttemptThatThisProcessCouldNotMakeAndKeepsWhatWaits) {
  link_.Connect();
  link_.Write(std::string_view("kept"));
  Node().observer->OnConnected(EMFILE);
  EXPECT_TRUE(link_.accepts());
  EXPECT_TRUE(TakeHeard().empty());
  loop_.Advance(50ms);
  EXPECT_EQ(loop_.sockets(), 2U);
  BecomeReady();
  FlushAll();
  EXPECT_EQ(Node().written, "kept");
}

TEST_F(NodeLinkTest, SendsNothingTwice) {
  ConnectWell();
  loop_.Advance(1s);
  Node().room = 2;
  link_.Write(std::string_view("abcd"));
  FlushAll();
  Node().ReceiveEnd();
  BecomeReady();
  FlushAll();
  EXPECT_EQ(Node().written, "");
}

// Its user has said SELECT on the connection that is there.
TEST_F(NodeLinkTest, AConnectionThatTakesTheOthersPlaceBeginsInTheFlavourThatItHadBecome) {
  ConnectWell();
  link_.Become({.database = 5});
  EXPECT_EQ(Node().TakeWritten(), "");
  Node().ReceiveEnd();
  Node().observer->OnConnected(0);
  EXPECT_NE(Node().TakeWritten().find("SELECT"), std::string::npos);
}

// What waits for the connection was said before.
TEST_F(NodeLinkTest, AConnectionThatIsBeingMadeStaysOfItsFlavour) {
  link_.Connect();
  link_.Become({.database = 5});
  BecomeReady();
}

}  // namespace
}  // namespace ringproxy::backends
