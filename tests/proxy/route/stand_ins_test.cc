#include "proxy/route/stand_ins.h"

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

// Main's node 0 is out, and node 1 stands in for it, as the hashes of these names fall.
class StandInsTest : public DispatcherTest {
 protected:
  StandInsTest() {
    pool(0).data = conf::DataKind::kCache;
    pool(0).on_down.policy = conf::DownPolicy::kRehash;
    Make();
    Eject(0);
  }

  std::string Expiry(const std::string& key, const std::string& longest = "60000") {
    return Encode({"PEXPIRE", key, longest, "LT"});
  }
  // What node 1 is sent for the request.
  std::string SentFor(const Words& arguments) {
    Dispatch(arguments);
    return Node(1).TakeWritten();
  }

  const std::string moved_ = KeyOf(0);
};

TEST_F(StandInsTest, CapsTheExpiryOfASetInTheSetItself) {
  EXPECT_EQ(SentFor({"SET", moved_, "v"}), Encode({"SET", moved_, "v", "EX", "60"}));
  EXPECT_EQ(SentFor({"SET", moved_, "v", "EX", "5"}), Encode({"SET", moved_, "v", "EX", "5"}));
  EXPECT_EQ(SentFor({"SET", moved_, "v", "PX", "90000"}), Encode({"SET", moved_, "v", "PX", "60000"}));
  EXPECT_EQ(SentFor({"EXPIRE", moved_, "3600"}), Encode({"EXPIRE", moved_, "60"}));
}

TEST_F(StandInsTest, LetsAnExpiryFollowEveryOtherWriteInTheSameBatch) {
  for (const Words& write : {Words{"INCR", moved_}, Words{"HSET", moved_, "f", "v"}, Words{"SET", moved_, "v", "NX"},
                             Words{"PERSIST", moved_}, Words{"EXPIREAT", moved_, "9999999999"}}) {
    EXPECT_EQ(SentFor(write), Encode(write) + Expiry(moved_));
  }
}

TEST_F(StandInsTest, TakesNoKeyOutOfTheReachOfItsExpiry) {
  for (const Words& write : {Words{"MOVE", moved_, "1"}, Words{"COPY", moved_, moved_, "DB", "1"}}) {
    EXPECT_EQ(SentFor(write), "");
    EXPECT_EQ(TakeReplies(), Words{"node_down"}) << write[0];
  }
  const std::string own = KeyOf(1);
  EXPECT_EQ(SentFor({"MOVE", own, "1"}), Encode({"MOVE", own, "1"}));
}

TEST_F(StandInsTest, KeepsTheRepliesToExpiriesFromTheClient) {
  Dispatch({"INCR", moved_});
  Dispatch({"GET", moved_});
  Node(1).Receive(":1\r\n:1\r\n$1\r\n1\r\n");
  EXPECT_EQ(TakeReplies(), (Words{":1\r\n", "$1\r\n1\r\n"}));
  Dispatch({"INCR", moved_});
  Node(1).Receive(":2\r\n-ERR wrong number of arguments for 'pexpire' command\r\n");
  EXPECT_EQ(TakeReplies(), Words{":2\r\n"});
}

TEST_F(StandInsTest, LeavesReadsAndDeletionsAlone) {
  for (const Words& request : {Words{"GET", moved_}, Words{"DEL", moved_}, Words{"TTL", moved_}}) {
    EXPECT_EQ(SentFor(request), Encode(request));
  }
}

TEST_F(StandInsTest, LeavesTheKeysOfTheNodeItselfAlone) {
  const std::string own = KeyOf(1);
  EXPECT_EQ(SentFor({"INCR", own}), Encode({"INCR", own}));
  EXPECT_EQ(SentFor({"MSET", own, "1", moved_, "2"}), Encode({"MSET", own, "1", moved_, "2"}) + Expiry(moved_));
  EXPECT_EQ(SentFor({"MGET", own, moved_}), Encode({"MGET", own, moved_}));
}

TEST_F(StandInsTest, GivesEveryMovedKeyOfAnMsetItsExpiry) {
  const std::string other = KeyOf(0, "other");
  const std::string elsewhere = "cart:x";
  EXPECT_EQ(SentFor({"MSET", moved_, "1", other, "2"}),
            Encode({"MSET", moved_, "1", other, "2"}) + Expiry(moved_) + Expiry(other));
  EXPECT_EQ(SentFor({"MSET", moved_, "1", elsewhere, "2", other, "3"}),
            Encode({"MSET", moved_, "1", other, "3"}) + Expiry(moved_) + Expiry(other));
}

TEST_F(StandInsTest, RefusesAWriteOfMoreKeysThanCanBeGivenExpiries) {
  Words many = {"MSET"};
  for (size_t i = 0; i <= StandIns::kMostKeys; ++i) many.insert(many.end(), {KeyOf(0, "k" + std::to_string(i)), "v"});
  EXPECT_EQ(SentFor(many), "");
  EXPECT_EQ(TakeReplies(), Words{"node_down"});
  many[0] = "DEL";
  EXPECT_NE(SentFor(many), "");
}

TEST_F(StandInsTest, CapsNothingWhereNoBoundIsWanted) {
  pool(0).rehash_ttl = {};
  Make();
  Eject(0);
  EXPECT_EQ(SentFor({"SET", moved_, "v"}), Encode({"SET", moved_, "v"}));
  EXPECT_EQ(SentFor({"INCR", moved_}), Encode({"INCR", moved_}));
}

TEST_F(StandInsTest, HasTheBoundThatThePoolSays) {
  pool(0).rehash_ttl = 2500ms;
  Make();
  Eject(0);
  EXPECT_EQ(SentFor({"SETEX", moved_, "10", "v"}), Encode({"SETEX", moved_, "2", "v"}));
  EXPECT_EQ(SentFor({"INCR", moved_}), Encode({"INCR", moved_}) + Expiry(moved_, "2000"));
}

}  // namespace
}  // namespace ringproxy::proxy
