#include "proxy/route/key_sizes.h"

#include <gtest/gtest.h>

#include "backends/wire/memcache_command.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using backends::Reply;
using backends::Ticket;
using Texts = std::vector<std::string_view>;

struct HeardSizes final : backends::ReplySink {
  void OnReply(Ticket ticket, Reply&& reply) override {
    tickets.push_back(ticket);
    texts.emplace_back(reply.bytes());
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    tickets.push_back(ticket);
    texts.emplace_back(wire::ErrorName(failure.code));
  }
  std::vector<Ticket> tickets;
  std::vector<std::string> texts;
};

class KeySizesTest : public testing::Test {
 protected:
  Ticket Follow(const Texts& words, std::optional<std::string_view> routing_key = std::nullopt) {
    const test::TestRequest request(words);
    return sizes_.Follow(*wire::FindRedisCommand(request), request, routing_key, listener_, database_, own_);
  }
  Ticket FollowMemcached(const Texts& words) {
    const test::TestRequest request(words);
    return sizes_.Follow(wire::FindMemcacheCommand(words[0])->command, request, std::nullopt, listener_, 0, own_);
  }
  void Answer(Ticket ticket, std::string_view reply) { sizes_.OnReply(ticket, Reply(reply)); }
  static std::string Bulk(size_t size) { return "$" + std::to_string(size) + "\r\n" + std::string(size, 'v') + "\r\n"; }
  // "key bytes in" of each, the largest first.
  std::string Listed(size_t pool = 0) {
    std::string listed;
    const auto view = sizes_.View();
    for (const auto& big : (*view)[pool]) {
      listed += big.key + " " + std::to_string(big.bytes) + (big.in_reply ? " reply; " : " request; ");
    }
    return listed;
  }

  uint16_t database_ = 0;
  HeardSizes heard_;
  KeySizes sizes_{2, heard_};
  ListenerSnapshot listener_{.routes = {{"cart:", 1}, {"", 0}}, .pools = {0, 1}, .scan_order = {}};
  const Ticket own_{3, 4, 5, Ticket::Kind::kSession};
};

TEST_F(KeySizesTest, TakesOneRequestIn64AndEveryLargeOne) {
  int due = 0;
  for (int i = 0; i < 64'000; ++i) {
    if (!sizes_.IsDue(KeySizes::kLargeRequest - 1)) continue;
    ++due;
    Answer(Follow({"GET", "k"}), "$-1\r\n");
  }
  EXPECT_NEAR(due, 1000, 60);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(sizes_.IsDue(KeySizes::kLargeRequest));
    Answer(Follow({"GET", "k"}), "$-1\r\n");
  }
}

TEST_F(KeySizesTest, KeepsEqualKeysOfTwoDatabasesApart) {
  Answer(Follow({"GET", "k"}), Bulk(1000));
  database_ = 3;
  Answer(Follow({"GET", "k"}), Bulk(2000));
  Answer(Follow({"MGET", "a", "b"}), "*2\r\n" + Bulk(3000) + "_\r\n");
  Follow({"MSET", "c", std::string(4000, 'v'), "d", "1"});
  std::vector<std::pair<uint16_t, std::string>> listed;
  const auto view = sizes_.View();
  for (const auto& big : (*view)[0]) {
    const auto [database, key] = DatabaseKey::Split(big.key);
    if (big.bytes >= 1000) listed.emplace_back(database, key);
  }
  const std::vector<std::pair<uint16_t, std::string>> expected = {{3, "c"}, {3, "a"}, {3, "k"}, {0, "k"}};
  EXPECT_EQ(listed, expected);
}

TEST_F(KeySizesTest, BringsTheReplyOrTheFailureToWhoeverHasAsked) {
  const Ticket ticket = Follow({"GET", "k"});
  EXPECT_EQ(ticket.kind, Ticket::Kind::kFollowed);
  Answer(ticket, "$1\r\nv\r\n");
  sizes_.OnFailure(Follow({"GET", "k"}), {wire::ErrorCode::kTimeout});
  EXPECT_EQ(heard_.texts, (std::vector<std::string>{"$1\r\nv\r\n", "timeout"}));
  for (const Ticket& to : heard_.tickets) {
    EXPECT_EQ(to.kind, Ticket::Kind::kSession);
    EXPECT_EQ(to.owner, 3U);
    EXPECT_EQ(to.generation, 4U);
    EXPECT_EQ(to.slot, 5U);
  }
  EXPECT_EQ(sizes_.open(), 0U);
}

TEST_F(KeySizesTest, CountsTheLargerOfRequestAndReplyForTheKeyInItsPool) {
  Answer(Follow({"GET", "read"}), Bulk(1000));
  Answer(Follow({"SET", "cart:1", std::string(3000, 'v')}), "+OK\r\n");
  EXPECT_EQ(Listed(0), "read 1009 reply; ");
  EXPECT_EQ(Listed(1), "cart:1 3034 request; ");
  Answer(Follow({"GET", "x"}, "decoded"), Bulk(2000));
  EXPECT_EQ(Listed(0), "decoded 2009 reply; read 1009 reply; ");
}

TEST_F(KeySizesTest, CountsNoErrorNorScript) {
  Answer(Follow({"GET", "k"}), "-WRONGTYPE " + std::string(500, 'x') + "\r\n");
  EXPECT_EQ(Listed(), "k 20 request; ");
  const Ticket script = Follow({"EVAL", "return 1", "1", "k"});
  EXPECT_EQ(script.kind, Ticket::Kind::kSession);
  EXPECT_EQ(Follow({"DBSIZE"}).kind, Ticket::Kind::kSession);
  EXPECT_EQ(Listed(), "k 20 request; ");
}

TEST_F(KeySizesTest, CountsEachValueOfAMultiGetForItsOwnKey) {
  Answer(Follow({"MGET", "a", "b", "cart:2"}), "*3\r\n" + Bulk(10) + "$-1\r\n" + Bulk(500));
  EXPECT_EQ(Listed(0), "a 17 reply; b 5 reply; ");
  EXPECT_EQ(Listed(1), "cart:2 508 reply; ");
}

TEST_F(KeySizesTest, TrustsNoArrayToBeAsLongAsTheKeys) {
  Answer(Follow({"MGET", "a", "b"}), "*1\r\n" + Bulk(10));
  Answer(Follow({"MGET", "c", "d"}), "$-1\r\n");
  EXPECT_EQ(Listed(), "a 17 reply; ");
}

TEST_F(KeySizesTest, CountsEachArgumentOfMsetForItsOwnKey) {
  EXPECT_EQ(Follow({"MSET", "a", "12345", "cart:1", "1"}).kind, Ticket::Kind::kSession);
  EXPECT_EQ(Listed(0), "a 5 request; ");
  EXPECT_EQ(Listed(1), "cart:1 1 request; ");
  Follow({"MSET", "a", "123456789", "b"});  // Redis refuses it.
  EXPECT_EQ(Listed(0), "a 5 request; ");
}

TEST_F(KeySizesTest, CountsNothingWhereSeveralKeysMakeOneReply) {
  EXPECT_EQ(Follow({"SUNION", "a", "b"}).kind, Ticket::Kind::kSession);
  EXPECT_EQ(Listed(), "");
}

TEST_F(KeySizesTest, FindsTheKeysOfAMemcachedMultiGetInItsReply) {
  const std::string value(100, 'v');
  Answer(FollowMemcached({"get", "a", "b", "c", "b"}),
         "VALUE b 0 100\r\n" + value + "\r\nVALUE c 0 1\r\nx\r\nVALUE b 0 100\r\n" + value + "\r\nEND\r\n");
  EXPECT_EQ(Listed(), "b 117 reply; c 16 reply; ");
  Answer(FollowMemcached({"get", "d", "e"}), "SERVER_ERROR node down\r\n");
  Answer(FollowMemcached({"get", "f"}), "SERVER_ERROR " + std::string(300, 'x') + "\r\n");
  EXPECT_EQ(Listed().find(" 3"), std::string::npos);
}

TEST_F(KeySizesTest, FollowsOnlySoManyRequestsAtATimeAndSoManyKeysOfEach) {
  std::vector<Ticket> tickets;
  for (size_t i = 0; i < KeySizes::kMostFollowed; ++i) tickets.push_back(Follow({"GET", "k"}));
  EXPECT_EQ(Follow({"GET", "k"}).kind, Ticket::Kind::kSession);
  EXPECT_EQ(Follow({"MGET", "k", "l"}).kind, Ticket::Kind::kSession);
  for (const Ticket& ticket : tickets) Answer(ticket, "$-1\r\n");
  EXPECT_EQ(sizes_.open(), 0U);

  std::vector<std::string> keys;
  std::string reply = "*1000\r\n";
  for (int i = 0; i < 1000; ++i) {
    keys.push_back("m" + std::to_string(i) + std::string(300, 'x'));
    reply += Bulk(static_cast<size_t>(i) + 1000);
  }
  Texts words{"MGET"};
  words.insert(words.end(), keys.begin(), keys.end());
  Answer(Follow(words), reply);
  // Eight KiB of keys, of which 256 bytes each are kept.
  EXPECT_EQ((*sizes_.View())[0].front().bytes, 1031U + 9);
  EXPECT_EQ(heard_.texts.back().size(), reply.size());
}

TEST_F(KeySizesTest, TakesAKeyForTheSameInRequestAndReplyHoweverLongItIs) {
  const std::string key(1000, 'k');
  Answer(Follow({"GET", key}), Bulk(2000));
  ASSERT_EQ((*sizes_.View())[0].size(), 1U);
  EXPECT_EQ(Listed(), key.substr(0, 256) + " 2009 reply; ");
}

TEST_F(KeySizesTest, TellsForHowLongNobodyHasSeenIt) {
  Answer(Follow({"GET", "k"}), Bulk(10));
  sizes_.Tick();
  sizes_.Tick();
  EXPECT_EQ((*sizes_.View())[0][0].ticks_ago, 2U);
}

}  // namespace
}  // namespace ringproxy::proxy
