#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>
#include <span>

#include "backends/wire/gutter_request.h"
#include "backends/wire/integer.h"
#include "tests/backends/wire/guttered.h"
#include "tests/support/test_request.h"

// Whatever the request: what a gutter sees of it is one request again, about the same key and value.
namespace ringproxy::wire {
namespace {

using test::EveryByte;
using test::Feed;
using test::Frame;
using test::TestRequest;

class RandomRequests {
 public:
  explicit RandomRequests(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  std::string_view OneOf(std::span<const std::string_view> words) {
    return words[Below(static_cast<uint32_t>(words.size()))];
  }
  std::string Bytes(size_t most) {
    std::string bytes(Below(static_cast<uint32_t>(most + 1)), '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    // Line ends and words of the protocol, where a careless encoder would trip.
    if (Below(4) == 0) bytes.append("\r\n$3\r\nEX 5\r\n");
    return bytes;
  }
  std::string Word() {
    std::string word(1 + Below(20), 'k');
    for (char& c : word) c = static_cast<char>('!' + Below('~' - '!'));
    return word;
  }
  std::string Number() {
    static constexpr std::string_view kNumbers[] = {"0",     "-1",    "1",     "59",      "60",      "61",
                                                    "59999", "60000", "60001", "2592000", "2592001", "2147483647",
                                                    "-0",    "+5",    "007",   "x",       ""};
    return std::string(OneOf(kNumbers));
  }

 private:
  std::mt19937 random_;
};

TEST(GutterRequestAtRandom, IsOneRedisRequestWithTheSameKeyAndValueAndACappedExpiry) {
  RandomRequests random(5);
  static constexpr std::string_view kOptions[] = {"EX", "px", "Ex", "PX", "NX", "exat", "keepttl", "GET"};
  size_t passed = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = random.Bytes(20), value = random.Bytes(200);
    std::vector<std::string> words = {"set", key, value};
    for (uint32_t options = random.Below(3); options > 0; --options) {
      words.emplace_back(random.OneOf(kOptions));
      if (random.Below(4) > 0) words.push_back(random.Number());
    }
    const TestRequest request(std::vector<std::string_view>(words.begin(), words.end()));
    const std::string out = test::Guttered(*FindRedisCommand("set"), request);
    if (out == "no") continue;
    ++passed;
    const std::vector<std::string> parsed = test::Parsed<test::RequestCodec>(out);
    ASSERT_EQ(parsed.size(), 5U);
    EXPECT_EQ(parsed[1], key);
    EXPECT_EQ(parsed[2], value);
    const bool milliseconds = parsed[3] == "px" || parsed[3] == "PX";
    EXPECT_LE(ParseInteger(parsed[4]).value(), milliseconds ? 60'000 : 60);
  }
  EXPECT_GT(passed, 4'000U);
}

// One memcached request of those that a gutter may be asked, at random.
std::string RandomLine(RandomRequests& random, const std::string& key, const std::string& value) {
  static constexpr std::string_view kNames[] = {"set", "touch", "gat", "ms", "mg", "md"};
  static constexpr std::string_view kFlags[] = {"q",  "T0", "T61", "T-1", "Tx", "MS", "ME", "Oabc", "k",
                                                "F5", "v",  "t",   "c",   "C5", "N3", "I",  "s",    "f"};
  const std::string_view name = random.OneOf(kNames);
  const std::string size = std::to_string(value.size());
  const std::string end = random.Below(2) == 0 ? "\r\n" : "\n";
  const std::string quiet = random.Below(3) == 0 ? "  noreply" : "";
  if (name == "set") return "set " + key + "  7 " + random.Number() + " " + size + quiet + end + value + "\r\n";
  if (name == "touch") return "touch " + key + " " + random.Number() + quiet + end;
  if (name == "gat") return "gat " + random.Number() + " " + key + end;
  std::string line = std::string(name) + " " + key;
  if (name == "ms") line += " " + size;
  for (uint32_t flags = random.Below(4); flags > 0; --flags) line.append(" ").append(random.OneOf(kFlags));
  return line + end + (name == "ms" ? value + "\r\n" : "");
}

// Of the words as the codec gives them: the routing key, then the line's.
std::optional<int32_t> ExpiryOf(const std::vector<std::string>& words) {
  const std::string& name = words[1];
  if (name == "set") return ParseMemcacheNumber<int32_t>(words[4]);
  if (name == "touch") return ParseMemcacheNumber<int32_t>(words[3]);
  if (name == "gat") return ParseMemcacheNumber<int32_t>(words[2]);
  for (size_t w = name == "ms" ? 4 : 3; w < words.size(); ++w) {
    if (words[w].starts_with('T')) return ParseMemcacheNumber<int32_t>(words[w].substr(1));
  }
  return std::nullopt;
}

TEST(GutterRequestAtRandom, IsOneMemcacheRequestWithTheSameKeyAndValueAndACappedExpiry) {
  RandomRequests random(6);
  std::set<std::string> passed;
  for (int i = 0; i < 30'000; ++i) {
    const std::string key = random.Word(), value = random.Bytes(100);
    std::string bytes = RandomLine(random, key, value);
    if (Feed(test::MemcacheRequestCodec(Limits{}), bytes, {}).front().kind != "request") continue;
    const std::string out = test::GutteredMemcache(bytes);
    if (out == "no") continue;
    const std::vector<Frame> frames = Feed(test::MemcacheRequestCodec(Limits{}), out, EveryByte(out.size()));
    ASSERT_EQ(frames.size(), 1U) << out;
    ASSERT_EQ(frames[0].kind, "request") << out;
    const std::vector<std::string>& words = frames[0].parts;
    const std::string& name = words[1];
    passed.insert(name);
    EXPECT_EQ(words[name == "gat" ? 3 : 2], key) << out;
    EXPECT_TRUE((name != "set" && name != "ms") || out.ends_with("\r\n" + value + "\r\n")) << out;
    const std::optional<int32_t> expiry = ExpiryOf(words);
    EXPECT_TRUE(expiry || name == "mg" || name == "md") << out;
    EXPECT_TRUE(!expiry || *expiry < 0 || (*expiry > 0 && *expiry <= test::kGutterTtl.count())) << out;
  }
  EXPECT_EQ(passed.size(), 6U);
}

}  // namespace
}  // namespace ringproxy::wire
