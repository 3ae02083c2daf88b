// tests/tools/benchmark/request_set_test.cc – The bytes that leave, and the replies they must get, word for word.
#include "tools/benchmark/request_set.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::bench {
namespace {

struct Exchange {
  RequestShape shape;
  std::string request;
  std::string reply;
};

std::string RequestOf(const RequestSet& set) {
  return std::string(set.Slice(0, set.request_bytes()));
}

std::string ReplyOf(const RequestSet& set) {
  std::string reply;
  for (size_t i = 0; i < set.pieces_per_reply(); ++i) {
    const Piece& piece = set.ReplyTo(0)[i];
    reply += std::string(piece.text) + std::string(piece.body, '.') + (piece.tail ? "\r\n" : "");
  }
  return reply;
}

TEST(RequestSet, SpeaksBothProtocolsWordForWord) {
  const Exchange exchanges[] = {
      {{.command = CommandKind::kGet, .value_bytes = 16, .keys = 1},
       "*2\r\n$3\r\nGET\r\n$14\r\ns16:0000000000\r\n",
       "$16\r\ns16:0000000000..\r\n"},
      {{.command = CommandKind::kSet, .value_bytes = 16, .keys = 1},
       "*3\r\n$3\r\nSET\r\n$14\r\ns16:0000000000\r\n$16\r\ns16:0000000000..\r\n",
       "+OK\r\n"},
      {{.command = CommandKind::kMget, .value_bytes = 16, .keys = 1, .mget_keys = 1},
       "*2\r\n$4\r\nMGET\r\n$14\r\ns16:0000000000\r\n",
       "*1\r\n$16\r\ns16:0000000000..\r\n"},
      {{.command = CommandKind::kMulti, .value_bytes = 16, .keys = 1, .mget_keys = 2},
       "*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$14\r\ns16:0000000000\r\n*2\r\n$3\r\nGET\r\n$14\r\n"
       "s16:0000000000\r\n*1\r\n$4\r\nEXEC\r\n",
       "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$16\r\ns16:0000000000..\r\n$16\r\ns16:0000000000..\r\n"},
      {{.protocol = Protocol::kMemcached, .command = CommandKind::kGet, .value_bytes = 16, .keys = 1},
       "get s16:0000000000\r\n",
       "VALUE s16:0000000000 0 16\r\ns16:0000000000..\r\nEND\r\n"},
      {{.protocol = Protocol::kMemcached, .command = CommandKind::kSet, .value_bytes = 16, .keys = 1},
       "set s16:0000000000 0 0 16\r\ns16:0000000000..\r\n",
       "STORED\r\n"},
  };
  for (const Exchange& exchange : exchanges) {
    const RequestSet set(exchange.shape);
    EXPECT_EQ(RequestOf(set), exchange.request);
    EXPECT_EQ(ReplyOf(set), exchange.reply);
  }
}

TEST(RequestSet, AsksForTheChosenKeysOnly) {
  const RequestSet set({.command = CommandKind::kGet, .value_bytes = 16, .keys = 10, .chosen = {7}});
  EXPECT_EQ(set.count(), 1U);
  EXPECT_EQ(RequestOf(set), "*2\r\n$3\r\nGET\r\n$14\r\ns16:0000000007\r\n");
  EXPECT_EQ(ReplyOf(set), "$16\r\ns16:0000000007..\r\n");
}

TEST(RequestSet, AsksMemcachedForAllKeysOfARequestInOneLine) {
  const RequestSet set({.protocol = Protocol::kMemcached,
                        .command = CommandKind::kMget,
                        .value_bytes = 16,
                        .keys = 300,
                        .mget_keys = 100});
  EXPECT_EQ(set.count(), 3U);
  EXPECT_EQ(set.pieces_per_reply(), 101U);  // 100 values and END
  std::string request = "get";
  std::string reply;
  for (size_t i = 0; i < 100; ++i) {
    const std::string key(set.ReplyTo(0)[i].text.substr(6, 14));
    request += " " + key;
    reply += "VALUE " + key + " 0 16\r\n" + key + "..\r\n";
  }
  EXPECT_EQ(RequestOf(set), request + "\r\n");
  EXPECT_EQ(ReplyOf(set), reply + "END\r\n");
}

}  // namespace
}  // namespace ringproxy::bench
