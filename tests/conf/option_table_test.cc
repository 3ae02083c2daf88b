#include "conf/option_table.h"

#include <gtest/gtest.h>

#include <set>

#include "conf/parse.h"
#include "conf/print.h"
#include "conf/values.h"
#include "tests/conf/sample_config.h"

namespace ringproxy::conf {
namespace {

template <class T>
constexpr bool kIsNumber =
    (std::is_integral_v<T> && !std::is_same_v<T, bool>) || std::is_same_v<T, std::chrono::microseconds> ||
    std::is_same_v<T, Ratio> || std::is_same_v<T, Rate>;

// As an error says it: rates are bounded by their amount alone.
template <class T>
std::string Bound(T value, const Bounds& bounds) {
  if constexpr (std::is_same_v<T, Rate>) return std::to_string(value.amount);
  return FormatValue(value, bounds);
}

Errors ErrorListOf(const Config& config) {
  const Result<Config> parsed = ParseConfig(PrintConfig(config), "test.yaml");
  return parsed.ok() ? Errors{} : parsed.errors();
}

// The one mistake of `config` is about `path` and says `text`.
void ExpectOnly(const Config& config, const std::string& path, const std::string& text) {
  const Errors errors = ErrorListOf(config);
  ASSERT_EQ(errors.size(), 1U) << path << "\n" << ToString(errors);
  EXPECT_EQ(errors[0].path, path);
  EXPECT_GT(errors[0].line, 0) << path;
  EXPECT_GT(errors[0].column, 0) << path;
  EXPECT_NE(errors[0].message.find(text), std::string::npos) << path << ": " << errors[0].message;
}

// A value of the option's type: a plain number, or a type that begins with one.
template <class T>
T Of(uint64_t number) {
  if constexpr (std::is_same_v<T, Ratio>) {
    return {.thousandths = static_cast<uint32_t>(number)};
  } else if constexpr (std::is_same_v<T, Rate>) {
    return {.amount = number};
  } else {
    return T(number);
  }
}

template <class S>
void ExpectSoundRows(const std::string& section) {
  std::set<std::string_view> names;
  ForEachRow<S>([&](const OptionFacts& row) {
    EXPECT_TRUE(names.insert(row.name).second) << section << " has " << row.name << " twice";
    EXPECT_TRUE(row.doc.ends_with('.')) << section << "." << row.name << " is not described in a sentence";
    EXPECT_LE(row.bounds.least, row.bounds.most) << section << "." << row.name;
  });
}

TEST(OptionTable, DescribesEveryOptionOnceInASentence) {
  ExpectSoundRows<Config>("top level");
  ExpectSoundRows<Admin>("admin");
  ExpectSoundRows<Log>("log");
  ExpectSoundRows<Listener>("listener");
  ExpectSoundRows<ClientLimits>("client limits");
  ExpectSoundRows<Route>("route");
  ExpectSoundRows<Pool>("pool");
  ExpectSoundRows<Node>("node");
  ExpectSoundRows<RingOptions>("ring");
  ExpectSoundRows<Auth>("auth");
  ExpectSoundRows<Timeouts>("timeouts");
  ExpectSoundRows<Reconnect>("reconnect");
  ExpectSoundRows<NodeLimits>("node limits");
  ExpectSoundRows<Concurrency>("concurrency");
  ExpectSoundRows<RequestMatch>("request match");
  ExpectSoundRows<CustomCommand>("command");
  ExpectSoundRows<CommandKeys>("keys of a command");
  ExpectSoundRows<Limit>("limit");
  ExpectSoundRows<LimitOverride>("limit override");
  ExpectSoundRows<Lease>("lease");
  ExpectSoundRows<GlobalLimits>("global limits");
}

TEST(OptionTable, KeepsEveryDefaultWithinItsBounds) {
  Config config = SampleConfig();
  config.pools[0].reconnect = {};
  config.pools[0].concurrency = {};
  config.limits[0].lease = {};
  EXPECT_EQ(ToString(ErrorListOf(config)), "");
}

TEST(OptionTable, AllowsTheLeastAndTheMostOfEveryNumber) {
  Config config = SampleConfig();
  int options = 0;
  WalkOptions(config, "", [&]<class T>(const OptionFacts& row, const std::string& path, T& value) {
    if constexpr (kIsNumber<T>) {
      ++options;
      const T before = value;
      for (const uint64_t bound : {row.bounds.least, row.bounds.most}) {
        value = Of<T>(bound);
        const Config suited = Suited(config, path);
        const Result<Config> parsed = ParseConfig(PrintConfig(suited), "test.yaml");
        ASSERT_TRUE(parsed.ok()) << path << "\n" << ToString(parsed.errors());
        EXPECT_TRUE(*parsed == suited) << path << " = " << FormatValue(value, row.bounds);
      }
      value = before;
    }
  });
  EXPECT_GE(options, 20);
}

TEST(OptionTable, RefusesOneLessThanTheLeastAndOneMoreThanTheMostOfEveryNumber) {
  Config config = SampleConfig();
  WalkOptions(config, "", [&]<class T>(const OptionFacts& row, const std::string& path, T& value) {
    if constexpr (kIsNumber<T>) {
      const T before = value;
      const bool zero_has_a_word = !row.bounds.word_for_zero.empty() && row.bounds.least == 1;
      if (row.bounds.least > 0 && !zero_has_a_word) {
        value = Of<T>(row.bounds.least - 1);
        ExpectOnly(Suited(config, path), path, "is below the least, " + Bound(Of<T>(row.bounds.least), row.bounds));
      }
      value = Of<T>(row.bounds.most + 1);
      ExpectOnly(Suited(config, path), path, "is above the most, " + Bound(Of<T>(row.bounds.most), row.bounds));
      value = before;
    }
  });
}

TEST(OptionTable, RefusesATextLongerThanItsBound) {
  Config config = SampleConfig();
  WalkOptions(config, "", [&]<class T>(const OptionFacts& row, const std::string& path, T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      const std::string before = value;
      value = std::string(row.bounds.most + 1, 'x');
      ExpectOnly(config, path, "bytes, the most is " + std::to_string(row.bounds.most));
      value = before;
    }
  });
}

TEST(OptionTable, RefusesEmptyAndEndlessWordsAndTooManyOfThem) {
  Config config = SampleConfig();
  int options = 0;
  WalkOptions(config, "", [&]<class T>(const OptionFacts& row, const std::string& path, T& value) {
    if constexpr (std::is_same_v<T, Words>) {
      ++options;
      const T before = value;
      value = {""};
      ExpectOnly(config, path + "[0]", "may not be empty");
      value = {std::string(kLongestWord + 1, 'x')};
      ExpectOnly(config, path + "[0]", "has 1025 bytes, the most is 1024");
      value.assign(row.bounds.most + 1, "x");
      ExpectOnly(config, path, "has 257 entries, the most is 256");
      value = before;
    }
  });
  EXPECT_EQ(options, 17);
}

TEST(OptionTable, RefusesANameThatCouldForgeALineOfLogOrReply) {
  Config config = SampleConfig();
  WalkOptions(config, "", [&]<class T>(const OptionFacts& row, const std::string& path, T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      if (row.bounds.kind != OptionKind::kName) return;
      const std::string before = value;
      for (const char* bad : {"a\r\n-ERR forged", "two words", "tab\t", "\x7f"}) {
        value = bad;
        ExpectOnly(config, path, "is no name");
      }
      value = "";
      ExpectOnly(config, path, "a name may not be empty");
      value = before;
    }
  });
}

TEST(OptionTable, ReadsEveryWordOfEveryChoice) {
  Config config = SampleConfig();
  // A listener and its pools have to speak the same.
  const auto speak = [&](Protocol protocol) {
    for (Listener& listener : config.listeners) listener.protocol = protocol;
    for (Pool& pool : config.pools) pool.protocol = protocol;
  };
  WalkOptions(config, "", [&]<class T>(const OptionFacts&, const std::string& path, T& value) {
    if constexpr (std::is_enum_v<T>) {
      const T before = value;
      for (const EnumName<T>& row : kNames<T>) {
        value = row.value;
        if constexpr (std::is_same_v<T, Protocol>) speak(value);
        if constexpr (std::is_same_v<T, DenyAs>) speak(Protocol::kMemcached);
        if constexpr (std::is_same_v<T, LimitScope>) config.global_limits.store = "sessions";
        const bool in_flight = config.limits[0].algorithm == LimitAlgorithm::kConcurrency;
        // A ring of slots wants them owned; a narrow hash wants a ring that can do with it.
        for (Pool& pool : config.pools) {
          const bool owns_slots = pool.ring.algorithm == ring::Algorithm::kSlots;
          for (Node& node : pool.nodes) node.slots = owns_slots && &node == &pool.nodes[0] ? "0-16383" : "";
          if (std::is_same_v<T, ring::HashAlgorithm>) pool.ring.algorithm = ring::Algorithm::kModula;
        }
        const Config suited = Suited(config, in_flight ? "limits[0].requests_in_flight" : path);
        const Result<Config> parsed = ParseConfig(PrintConfig(suited), "test.yaml");
        ASSERT_TRUE(parsed.ok()) << path << "\n" << ToString(parsed.errors());
        EXPECT_TRUE(*parsed == suited) << path << " = " << row.name;
      }
      value = before;
      speak(Protocol::kRedis);
      config.global_limits = {};
    }
  });
}

}  // namespace
}  // namespace ringproxy::conf
