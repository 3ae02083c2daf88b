#include "backends/link/framed_stream.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

using Status = FramedStream::FrameStatus;

class FramedStreamTest : public testing::Test, protected net::StreamObserver {
 protected:
  FramedStreamTest() { stream_.Open({.host = "node", .port = 1, .unix_path = {}}, *this); }

  // Reads once, and takes every whole reply.
  void OnReadable() override {
    last_read_ = stream_.Fill();
    Status status;
    while ((status = stream_.Next()) == Status::kReply) {
      replies_.emplace_back(stream_.reply().bytes());
      stream_.reply().Drop();
    }
    is_bad_ = status == Status::kBad;
    stream_.Keep();
  }
  void OnConnected(int) override {}
  void OnWritable() override { stream_.Flush(); }
  test::FakeSocket& Node() { return loop_.last_socket(); }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  FramedStream stream_{io_, conf::Protocol::kRedis};
  net::IoResult last_read_;
  std::vector<std::string> replies_;
  bool is_bad_ = false;
};

TEST_F(FramedStreamTest, FindsWholeRepliesHoweverTheyAreCut) {
  Node().Receive("+one\r\n$3\r\ntw");
  EXPECT_EQ(replies_, (std::vector<std::string>{"+one\r\n"}));
  EXPECT_EQ(stream_.bytes_needed(), 9U);
  EXPECT_TRUE(stream_.has_input());
  Node().Receive("o\r\n");
  EXPECT_EQ(replies_.back(), "$3\r\ntwo\r\n");
  EXPECT_EQ(stream_.bytes_needed(), 0U);
  EXPECT_FALSE(stream_.has_input());
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
}

class PushesTest : public FramedStreamTest, protected PushObserver {
 protected:
  PushesTest() {
    stream_.Drop();
    pushing_.Open({.host = "node", .port = 1, .unix_path = {}}, *this);
  }
  void OnPush(std::string_view push) override { pushed_.emplace_back(push); }
  void OnReadable() override {
    pushing_.Fill();
    while (pushing_.Next() == Status::kReply) {
      replies_.emplace_back(pushing_.reply().bytes());
      pushing_.reply().Drop();
    }
    pushing_.Keep();
  }

  FramedStream pushing_{io_, conf::Protocol::kRedis, this};
  std::vector<std::string> pushed_;
};

TEST_F(PushesTest, GoToTheirObserverHoweverTheyAreCut) {
  const std::string push = ">2\r\n+x\r\n*1\r\n$1\r\nk\r\n";
  const std::string all = push + "+one\r\n" + push + push + "*2\r\n:1\r\n" + push + ":2\r\n" + push;
  for (size_t cut = 1; cut < all.size(); ++cut) {
    replies_.clear();
    pushed_.clear();
    Node().Receive(all.substr(0, cut));
    Node().Receive(all.substr(cut));
    EXPECT_EQ(replies_, (std::vector<std::string>{"+one\r\n", "*2\r\n:1\r\n:2\r\n"})) << cut;
    EXPECT_EQ(pushed_, std::vector<std::string>(5, push)) << cut;
    EXPECT_FALSE(pushing_.has_input());
    EXPECT_EQ(pushing_.bytes_needed(), 0U);
  }
}

TEST_F(PushesTest, AreKnownByTheirSkippedPlaceAlone) {
  Node().Receive(">1\r\n$300\r\nab");
  EXPECT_TRUE(pushing_.is_push());
  pushing_.SkipReply();
  Node().Receive(std::string(298, 'c') + "\r\n:1\r\n");
  EXPECT_EQ(pushed_, std::vector<std::string>{""});
  EXPECT_EQ(replies_, std::vector<std::string>{":1\r\n"});
}

// However much of it has come, what follows it is found.
TEST_F(FramedStreamTest, SkipsTheRestOfAReplyThatIsNotKept) {
  for (const std::string& skipped : {"$300\r\n" + std::string(300, '$') + "\r\n",
                                     "*3\r\n$2\r\nab\r\n*2\r\n:1\r\n$40\r\n" + std::string(40, '\r') + "\r\n+end\r\n",
                                     std::string("%1\r\n+key\r\n$5\r\nvalue\r\n")}) {
    for (size_t cut = 1; cut < skipped.size(); ++cut) {
      for (const size_t piece : {size_t{1}, size_t{7}, skipped.size()}) {
        replies_.clear();
        Node().Receive(skipped.substr(0, cut));
        ASSERT_TRUE(replies_.empty());
        stream_.SkipReply();
        const std::string rest = skipped.substr(cut) + "+next\r\n";
        for (size_t at = 0; at < rest.size(); at += piece) Node().Receive(rest.substr(at, piece));
        ASSERT_EQ(replies_.size(), 2U) << skipped << " cut at " << cut << " in pieces of " << piece;
        EXPECT_EQ(replies_.back(), "+next\r\n");
        EXPECT_FALSE(stream_.has_input());
      }
    }
  }
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
}

TEST_F(FramedStreamTest, HoldsNextToNothingOfAReplyThatItSkips) {
  Node().Receive("*2\r\n$50000000\r\n" + std::string(100'000, 'x'));
  EXPECT_GT(io_.blocks.bytes_in_use(), 100'000U);
  stream_.SkipReply();
  for (int i = 0; i < 100; ++i) {
    Node().Receive(std::string(100'000, 'x'));
    ASSERT_LT(io_.blocks.bytes_in_use(), 1000U);
  }
}

TEST_F(FramedStreamTest, SaysWhenSomethingIsNoReply) {
  Node().Receive("HTTP/1.1 400\r\n");
  EXPECT_TRUE(is_bad_);
  EXPECT_TRUE(replies_.empty());
}

TEST_F(FramedStreamTest, KeepsAnUnfinishedReplyWhenItIsWokenForNothing) {
  Node().Receive("$5\r\nhe");
  OnReadable();
  EXPECT_EQ(last_read_.bytes, 0U);
  Node().Receive("llo\r\n");
  EXPECT_EQ(replies_, (std::vector<std::string>{"$5\r\nhello\r\n"}));
}

TEST_F(FramedStreamTest, SendsTheRestOfWhatAFullSocketDidNotTake) {
  Node().room = 4;
  EXPECT_EQ(stream_.Say("first ").bytes, 4U);
  EXPECT_TRUE(stream_.is_full());
  EXPECT_FALSE(stream_.has_said_all());
  EXPECT_TRUE(Node().watches_writes);
  stream_.Say("second");
  Node().room = 100;
  Node().observer->OnWritable();
  EXPECT_EQ(Node().written, "first second");
  EXPECT_TRUE(stream_.has_said_all());
  EXPECT_FALSE(stream_.is_full());
  EXPECT_FALSE(Node().watches_writes);
}

TEST_F(FramedStreamTest, SaysNothingWithoutAWrite) {
  EXPECT_EQ(stream_.Say("").status, net::IoStatus::kOk);
  EXPECT_EQ(Node().writes, 0U);
}

TEST_F(FramedStreamTest, TellsOfABrokenConnection) {
  Node().error = EPIPE;
  EXPECT_EQ(stream_.Say("text").status, net::IoStatus::kError);
}

TEST_F(FramedStreamTest, ForgetsEverythingWhenItIsDropped) {
  Node().room = 1;
  stream_.Say("text");
  Node().Receive("$100\r\nhalf");
  stream_.Drop();
  EXPECT_TRUE(Node().closed());
  EXPECT_FALSE(stream_.is_open());
  EXPECT_FALSE(stream_.is_full());
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
  stream_.Open({.host = "node", .port = 1, .unix_path = {}}, *this);
  stream_.Flush();
  EXPECT_EQ(Node().written, "");
  Node().Receive("+new\r\n");
  EXPECT_EQ(replies_, (std::vector<std::string>{"+new\r\n"}));
}

}  // namespace
}  // namespace ringproxy::backends
