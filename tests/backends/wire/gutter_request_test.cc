#include "backends/wire/gutter_request.h"

#include <gtest/gtest.h>

#include <set>
#include <span>

#include "backends/wire/limits.h"
#include "backends/wire/memcache_binary_request.h"
#include "tests/backends/wire/binary_packets.h"
#include "tests/backends/wire/guttered.h"
#include "tests/support/test_request.h"

namespace ringproxy::wire {
namespace {

using std::chrono::seconds;
using test::Guttered;
using test::TestRequest;

std::string Joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line.append(line.empty() ? "" : " ").append(word);
  return line;
}

std::string Redis(std::string_view line) {
  const TestRequest request(TestRequest::Split(line));
  const CommandSpec* spec = FindRedisCommand(Request(request));
  EXPECT_EQ(CheckShape(*spec, request), Shape::kOk) << line;
  const std::string out = Guttered(*spec, request);
  return out == "no" ? out : Joined(test::Parsed<test::RequestCodec>(out));
}

struct Form {
  std::string_view request;
  std::string_view guttered;
};

constexpr Form kRedisForms[] = {
    {"SET k v", "SET k v EX 60"},
    {"set \"\" \"\"", "set   EX 60"},
    {"set k v EX 5", "set k v EX 5"},
    {"set k v eX 60", "set k v eX 60"},
    {"set k v ex 61", "set k v ex 60"},
    {"set k v px 60000", "set k v px 60000"},
    {"set k v PX 60001", "set k v PX 60000"},
    {"set k v ex 9223372036854775807", "set k v ex 60"},
    {"set k v ex 0", "set k v ex 0"},  // The server's to refuse.
    {"set k v ex -1", "set k v ex -1"},
    {"set k v ex 9223372036854775808", "no"},
    {"set k v ex abc", "no"},
    {"set k v ex \"\"", "no"},
    {"set k v ex +5", "no"},
    {"set k v ex 05", "no"},
    {"set k v ex 5.0", "no"},
    {"set k v ex", "no"},
    {"set k v exx 5", "no"},
    {"set k v ex 5 ex 6", "no"},
    {"set k v nx", "no"},
    {"set k v XX", "no"},
    {"set k v get", "no"},
    {"set k v KeepTtl", "no"},
    {"set k v exat 5", "no"},
    {"set k v PXAT 5000", "no"},
    {"set k v ex 5 NX", "no"},
    {"set k v nx ex 5", "no"},
    {"set k v nx get", "no"},
    {"SETEX k 5 v", "SETEX k 5 v"},
    {"setex k 100 v", "setex k 60 v"},
    {"setex k -7 v", "setex k -7 v"},
    {"setex k v 100", "no"},
    {"psetex k 100 v", "psetex k 100 v"},
    {"psetex k 60001 v", "psetex k 60000 v"},
    {"psetex k x v", "no"},
    {"getex k", "getex k"},
    {"getex k ex 100", "getex k ex 60"},
    {"GETEX k Px 100", "GETEX k Px 100"},
    {"getex k px 100000", "getex k px 60000"},
    {"getex k ex", "no"},
    {"getex k ex x", "no"},
    {"getex k exat 100", "no"},
    {"getex k PXAT 100", "no"},
    {"getex k persist", "no"},
    {"getex k ex 1 ex 2", "no"},
    {"expire k 100", "expire k 60"},
    {"expire k 7", "expire k 7"},
    {"expire k -1", "expire k -1"},
    {"expire k 1x", "no"},
    {"expire k 100 nx", "no"},
    {"expire k 100 GT", "no"},
    {"PEXPIRE k 100000", "PEXPIRE k 60000"},
    {"pexpire k 59999", "pexpire k 59999"},
    {"pexpire k 1 xx", "no"},
};

TEST(GutterRequest, CapsTheExpiryOfRedisCommandsOrRefusesThem) {
  for (const Form& form : kRedisForms) EXPECT_EQ(Redis(form.request), form.guttered) << form.request;
}

TEST(GutterRequest, PassesReadsAndDeletionsAsTheyAre) {
  for (const std::string_view line : {"get k", "mget a b", "exists a b", "ttl k", "strlen k", "hget k f", "hgetall k",
                                      "zscore k m", "touch a b", "object encoding k", "del a b", "UNLINK k"}) {
    EXPECT_EQ(Redis(line), line);
  }
}

TEST(GutterRequest, RefusesWhatAGutterWouldAnswerWrongly) {
  for (const std::string_view line : {"incr k",
                                      "incrby k 1",
                                      "incrbyfloat k 1",
                                      "decr k",
                                      "decrby k 1",
                                      "setnx k v",
                                      "getset k v",
                                      "getdel k",
                                      "msetnx a 1",
                                      "mset a 1",
                                      "append k v",
                                      "setrange k 0 v",
                                      "setbit k 0 1",
                                      "bitfield k get u8 0",
                                      "persist k",
                                      "expireat k 1",
                                      "pexpireat k 1",
                                      "restore k 0 x",
                                      "rename a b",
                                      "copy a b",
                                      "lpush k v",
                                      "hset k f v",
                                      "hincrby k f 1",
                                      "hdel k f",
                                      "sadd k m",
                                      "spop k",
                                      "zadd k 1 m",
                                      "xadd k * f v",
                                      "pfadd k e",
                                      "sdiff a b",
                                      "zunion 1 a",
                                      "pfcount a b",
                                      "sort_ro k",
                                      "hscan k 0",
                                      "eval s 1 k",
                                      "evalsha_ro s 1 k",
                                      "fcall_ro f 1 k",
                                      "publish c m",
                                      "watch k",
                                      "keys *",
                                      "flushall",
                                      "dbsize",
                                      "ping"}) {
    EXPECT_EQ(Redis(line), "no") << line;
  }
}

constexpr Form kMemcacheForms[] = {
    {"set k 1 0 3\r\nabc\r\n", "set k 1 60 3\r\nabc\r\n"},
    {"set k 1 5 3 noreply\r\na\r\n\r\n", "set k 1 5 3\r\na\r\n\r\n"},
    {"set k 1 60 0\r\n\r\n", "set k 1 60 0\r\n\r\n"},
    {"set k 1 61 0\r\n\r\n", "set k 1 60 0\r\n\r\n"},
    {"set k 1 +007 0\n\r\n", "set k 1 +007 0\r\n\r\n"},
    {"set k 1 -1 0\r\n\r\n", "set k 1 -1 0\r\n\r\n"},
    {"set k 1 -0 0\r\n\r\n", "set k 1 60 0\r\n\r\n"},
    {"set k 1 2592001 0\r\n\r\n", "set k 1 60 0\r\n\r\n"},
    {"set k 1 2147483647 0\r\n\r\n", "set k 1 60 0\r\n\r\n"},
    {"touch k 100\r\n", "touch k 60\r\n"},
    {"touch k 0 noreply\r\n", "touch k 60\r\n"},
    {"touch k 3\r\n", "touch k 3\r\n"},
    {"touch k -3\r\n", "touch k -3\r\n"},
    {"touch k 99999999999\r\n", "no"},  // memcached 1.6.18 makes something else of it.
    {"touch k noreply\r\n", "no"},
    {"touch k 5x\r\n", "no"},
    {"touch k 5\t6\r\n", "no"},
    {"gat 100 a b\r\n", "gat 60 a b\r\n"},
    {"gat  0  a\r\n", "gat 60 a\r\n"},
    {"gat 59 a\r\n", "gat 59 a\r\n"},
    {"get a b\r\n", "get a b\r\n"},
    {"delete k\r\n", "delete k\r\n"},
    {"me k\r\n", "me k\r\n"},
    {"gets k\r\n", "no"},
    {"gats 1 k\r\n", "no"},
    {"incr k 1\r\n", "no"},
    {"decr k 1\r\n", "no"},
    {"add k 0 1 1\r\na\r\n", "no"},
    {"replace k 0 1 1\r\na\r\n", "no"},
    {"append k 0 1 1\r\na\r\n", "no"},
    {"prepend k 0 1 1\r\na\r\n", "no"},
    {"cas k 0 1 1 5\r\na\r\n", "no"},
    {"flush_all\r\n", "no"},
    {"version\r\n", "no"},
    {"mn\r\n", "no"},
    {"ma k\r\n", "no"},
};

constexpr Form kMetaForms[] = {
    {"ms k 2\r\nhi\r\n", "ms k 2 T60\r\nhi\r\n"},
    {"ms k 2 T0\r\nhi\r\n", "ms k 2 T60\r\nhi\r\n"},
    {"ms k 2 T5 F7\r\nhi\r\n", "ms k 2 T5 F7\r\nhi\r\n"},
    {"ms k 2 F7 T61 MS Oab k\r\nhi\r\n", "ms k 2 F7 T60 MS Oab k\r\nhi\r\n"},
    {"ms azI= 2 b q T-1\r\nhi\r\n", "ms azI= 2 b T-1\r\nhi\r\n"},
    {"ms k 2 qabc\r\nhi\r\n", "ms k 2 T60\r\nhi\r\n"},
    {"ms k 2 MA\r\nhi\r\n", "no"},
    {"ms k 2 Mp\r\nhi\r\n", "no"},
    {"ms k 2 ME\r\nhi\r\n", "no"},
    {"ms k 2 MR\r\nhi\r\n", "no"},
    {"ms k 2 Ms\r\nhi\r\n", "no"},  // memcached knows it in upper case only.
    {"ms k 2 M\r\nhi\r\n", "no"},
    {"ms k 2 C5\r\nhi\r\n", "no"},
    {"ms k 2 E5\r\nhi\r\n", "no"},
    {"ms k 2 c\r\nhi\r\n", "no"},
    {"ms k 2 I\r\nhi\r\n", "no"},
    {"ms k 2 N5\r\nhi\r\n", "no"},
    {"ms k 2 T\r\nhi\r\n", "no"},
    {"ms k 2 Tx\r\nhi\r\n", "no"},
    {"ms k 2 T5 T6\r\nhi\r\n", "no"},
    {"ms k 2 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\r\nhi\r\n", "no"},
    {"mg k\r\n", "mg k\r\n"},
    {"mg k q v t f k Oab s h l\r\n", "mg k v t f k Oab s h l\r\n"},
    {"mg  k  T100 v\r\n", "mg k T60 v\r\n"},
    {"mg k T0\r\n", "mg k T60\r\n"},
    {"mg k T-1\r\n", "mg k T-1\r\n"},
    {"mg azI= b k v\r\n", "mg azI= b k v\r\n"},
    {"mg k N30\r\n", "no"},
    {"mg k v R30\r\n", "no"},
    {"mg k c\r\n", "no"},
    {"mg k E5\r\n", "no"},
    {"mg k v v\r\n", "no"},
    {"mg k Z\r\n", "no"},
    {"mg k T99999999999\r\n", "no"},
    {"md k\r\n", "md k\r\n"},
    {"md azI= b k Ox q\r\n", "md azI= b k Ox\r\n"},
    {"md k C5\r\n", "no"},
    {"md k E5\r\n", "no"},
    {"md k I\r\n", "no"},
    {"md k I T5\r\n", "no"},
    {"md k T5\r\n", "no"},
};

TEST(GutterRequest, CapsTheExptimeOfClassicCommandsOrRefusesThem) {
  for (const Form& form : kMemcacheForms) {
    EXPECT_EQ(test::GutteredMemcache(std::string(form.request)), form.guttered) << form.request;
  }
}

TEST(GutterRequest, CapsTheExpiryOfMetaCommandsOrRefusesThem) {
  for (const Form& form : kMetaForms)
    EXPECT_EQ(test::GutteredMemcache(std::string(form.request)), form.guttered) << form.request;
}

TEST(GutterRequest, SendsNoLineThatANodeWouldNotRead) {
  const std::string start = "ms k 2 O";
  const std::string line = start + std::string(kLongestMemcacheLine - start.size() - std::string(" T60").size(), 'x');
  EXPECT_EQ(test::GutteredMemcache(line + "\r\nhi\r\n"), line + " T60\r\nhi\r\n");
  EXPECT_EQ(test::GutteredMemcache(line + "x\r\nhi\r\n"), "no");
}

TEST(GutterRequest, CapsAtTheLeastAndTheLongestTtl) {
  EXPECT_EQ(test::GutteredMemcache("set k 0 0 1\r\na\r\n", seconds(1)), "set k 0 1 1\r\na\r\n");
  EXPECT_EQ(test::GutteredMemcache("set k 0 0 1\r\na\r\n", kLongestRelativeExptime), "set k 0 2592000 1\r\na\r\n");
  EXPECT_EQ(test::GutteredMemcache("set k 0 2592001 1\r\na\r\n", kLongestRelativeExptime),
            "set k 0 2592000 1\r\na\r\n");
}

// A gutter that may be asked nothing of a row that says otherwise would be a row the rewriter has forgotten.
TEST(GutterRequest, HandlesEveryRowThatSaysItMayBeAsked) {
  std::set<std::string_view> capped;
  for (const Form& form : kRedisForms) {
    const TestRequest request(TestRequest::Split(form.request));
    if (form.guttered != "no" && form.guttered != form.request) capped.insert(FindRedisCommand(Request(request))->name);
  }
  for (const CommandSpec& row : RedisCommands()) {
    const bool rewritten = row.gutter != Gutter::kNo && row.gutter != Gutter::kAsIs;
    EXPECT_EQ(rewritten, capped.contains(row.name)) << row.name;
  }
  capped = {"md"};  // It has no expiry.
  for (const auto forms : {std::span<const Form>(kMemcacheForms), std::span<const Form>(kMetaForms)}) {
    for (const Form& form : forms) {
      const std::string_view name = form.request.substr(0, form.request.find_first_of(" \r"));
      if (form.guttered != "no" && form.guttered != form.request) capped.insert(name);
    }
  }
  for (const MemcacheSpec& row : MemcacheCommands()) {
    const bool rewritten = row.command.gutter != Gutter::kNo && row.command.gutter != Gutter::kAsIs;
    EXPECT_EQ(rewritten, capped.contains(row.command.name)) << row.command.name;
  }
}

// The rule behind the column, so that a new row has to say why it differs.
TEST(GutterRequest, IsAskedReadsOfSingleKeysAsTheyAreAndNothingThatHasNoKey) {
  const std::set<std::string_view> deletions = {"del", "unlink"};
  const std::set<std::string_view> cursors = {"hscan", "sscan", "zscan", "arscan", "bf.scandump", "cf.scandump"};
  for (const CommandSpec& row : RedisCommands()) {
    const bool keys_count_alone =
        row.handling == Handling::kSplit || (row.handling == Handling::kForward && HasOneKey(row));
    const bool read = row.access == Access::kRead && keys_count_alone && !cursors.contains(row.name);
    EXPECT_EQ(row.gutter == Gutter::kAsIs, read || deletions.contains(row.name)) << row.name;
    if (row.gutter != Gutter::kNo) {
      EXPECT_TRUE(keys_count_alone) << row.name;
    }
  }
  for (const MemcacheSpec& row : MemcacheCommands()) {
    if (row.command.gutter == Gutter::kNo) continue;
    EXPECT_NE(row.command.keys.kind, KeyKind::kNone) << row.command.name;
    EXPECT_TRUE(row.cas == CasPlace::kNone || row.cas == CasPlace::kFlags) << row.command.name;
  }
}

TEST(GutterRequest, CopiesALargeValueOnce) {
  const std::string value(1 << 20, 'v');
  const TestRequest request({"set", "k", value});
  std::string out;
  ASSERT_TRUE(AppendGutterRequest(*FindRedisCommand("set"), request, {test::kGutterTtl, {}}, &out));
  // A string that has grown by the value and then again would hold twice as much.
  EXPECT_LT(out.capacity(), value.size() + 4096);
  std::string none;
  EXPECT_FALSE(AppendGutterRequest(*FindRedisCommand("set"), TestRequest({"set", "k", value, "nx"}),
                                   {test::kGutterTtl, {}}, &none));
  EXPECT_LT(none.capacity(), 64U);
}

TEST(GutterRequest, CapsPacketsAndRefusesThoseOfRowsThatMayNotPass) {
  const Limits limits;
  MemcacheBinaryParser parser(limits);
  const auto guttered = [&](const std::string& packet, const CommandSpec* spec, std::string* out) {
    EXPECT_EQ(parser.Parse(packet), MemcacheBinaryParser::BinaryFraming::kRequest);
    return AppendGutterRequest(spec != nullptr ? *spec : parser.command()->spec, parser.request(),
                               {std::chrono::seconds(60), {}}, out);
  };
  const auto set = [](uint32_t expiry) {
    return test::BinaryAsked(
        {.opcode = 0x01, .key = "k", .extras = test::BigEndian(5, 4) + test::BigEndian(expiry, 4), .value = "v"});
  };
  std::string out;
  EXPECT_TRUE(guttered(set(0), nullptr, &out));
  EXPECT_EQ(out, set(60));
  EXPECT_FALSE(guttered(set(0), &BinaryCasSpec(), &out));
  EXPECT_FALSE(guttered(test::BinaryAsked({.opcode = 0x0e, .key = "k", .value = "v"}), nullptr, &out));
  EXPECT_FALSE(guttered(test::BinaryAsked({.opcode = 0x05, .key = "k", .extras = std::string(20, 0)}), nullptr, &out));
  EXPECT_EQ(out, set(60));
  out.clear();
  const std::string get = test::BinaryAsked({.opcode = 0x09, .key = "k"});
  EXPECT_TRUE(guttered(get, nullptr, &out));
  EXPECT_EQ(out, get);
}

}  // namespace
}  // namespace ringproxy::wire
