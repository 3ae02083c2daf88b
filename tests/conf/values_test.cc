#include "conf/values.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace ringproxy::conf {
namespace {

using namespace std::chrono_literals;

// What is wrong with the text; "" if nothing is.
template <class T>
std::string ProblemOf(std::string_view text, const Bounds& bounds, const T& before = {}) {
  T value = before;
  const std::optional<Problem> problem = ReadValue(text, bounds, value);
  if (problem) {
    EXPECT_TRUE(value == before) << text << " is wrong and has changed the value";
  }
  return problem ? problem->text : "";
}

template <class T>
T ValueOf(std::string_view text, const Bounds& bounds) {
  T value{};
  const std::optional<Problem> problem = ReadValue(text, bounds, value);
  EXPECT_EQ(problem ? problem->text : "", "") << text;
  return value;
}

template <class T>
void ExpectComesBack(const T& value, const Bounds& bounds) {
  const std::string text = FormatValue(value, bounds);
  EXPECT_TRUE(ValueOf<T>(text, bounds) == value) << text;
}

TEST(Values, ComeBackFromTheirText) {
  for (const uint64_t count : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
    ExpectComesBack(count, Count(0, uint64_t{1} << 40));
    ExpectComesBack(count, CountOrZero("auto", 0, uint64_t{1} << 40));
    ExpectComesBack(count, Bytes(0, uint64_t{1} << 40));
    ExpectComesBack(count, BytesOrZero("auto", 0, uint64_t{1} << 40));
  }
  ExpectComesBack(uint32_t{7}, Count(0, 10));
  for (const auto duration : {0us, 1us, 1500us, 60'000'000us}) ExpectComesBack(duration, Duration(0us, 1h));
  for (const uint32_t thousandths : {0U, 5U, 500U, 1000U}) {
    ExpectComesBack(Ratio{thousandths}, Percent(0, 100));
    ExpectComesBack(Ratio{thousandths}, FactorOrZero(1, 2000));
  }
  ExpectComesBack(Rate{5000, 1s}, PerTime(1, 10'000));
  ExpectComesBack(Rate{3, 24h}, PerTime(1, 10'000));
  ExpectComesBack(Rate{}, PerTimeOrNone("none", 1, 10'000));
  ExpectComesBack(std::string("a-name"), Name());
  ExpectComesBack(Address{"10.0.0.1", 6379, ""}, AnyAddress(1));
  ExpectComesBack(Address{"::1", 6379, ""}, AnyAddress(1));
  ExpectComesBack(Address{"", 0, "/run/x.sock"}, AnyAddress(1));
  ExpectComesBack(Address{"cache.example", 6379, ""}, TcpAddressOrNone(1));
  ExpectComesBack(Address{}, TcpAddressOrNone(1));
  ExpectComesBack(true, Switch());
  ExpectComesBack(false, Switch());
  ExpectComesBack(Protocol::kMemcached, Choice());
  ExpectComesBack(OnDown{DownPolicy::kRehash, ""}, WhenDown());
}

TEST(Values, AreHeldAgainstTheirBoundsInTheirOwnWords) {
  EXPECT_EQ(ProblemOf<uint32_t>("0", Count(1, 64)), "0 is below the least, 1");
  EXPECT_EQ(ProblemOf<uint32_t>("65", Count(1, 64)), "65 is above the most, 64");
  EXPECT_EQ(ProblemOf<uint64_t>("2MiB", Bytes(0, 1 << 20)), "2MiB is above the most, 1MiB");
  EXPECT_EQ(ProblemOf<std::chrono::microseconds>("0ms", Duration(1ms, 1min)), "0ms is below the least, 1ms");
  EXPECT_EQ(ProblemOf<Ratio>("101%", Percent(0, 100)), "101% is above the most, 100%");
  EXPECT_EQ(ProblemOf<Ratio>("0.5", FactorOrZero(1000, 2000)), "0.5 is below the least, 1");
  EXPECT_EQ(ProblemOf<Rate>("0/s", PerTime(1, 10)), "0/s is below the least, 1");
}

TEST(Values, MayBeNumbersBelowZero) {
  for (const int32_t number : {0, 1, -1, 127, -127}) ExpectComesBack(SignedNumber{number}, Signed(127));
  const auto problem = [](std::string_view text) { return ProblemOf<SignedNumber>(text, Signed(127), {5}); };
  EXPECT_EQ(problem("128"), "128 is above the most, 127");
  EXPECT_EQ(problem("-128"), "-128 is below the least, -127");
  for (const std::string_view text : {"", "-", "--1", "+1", "1.5", "x", "- 1", "99999999999999999999"})
    EXPECT_NE(problem(text), "") << text;
  EXPECT_EQ(DescribeBounds(Signed(127)), "-127 to 127");
}

TEST(Values, MayBeAWordInsteadOfZero) {
  EXPECT_EQ(ValueOf<uint64_t>("auto", CountOrZero("auto", 1, 64)), 0U);
  EXPECT_EQ(ProblemOf<uint64_t>("0", CountOrZero("auto", 1, 64)), "0 is below the least, 1");
  EXPECT_TRUE(ProblemOf<uint64_t>("many", CountOrZero("auto", 1, 64)).ends_with(", nor auto"));
  EXPECT_EQ(ValueOf<Ratio>("0", FactorOrZero(1000, 2000)).thousandths, 0U);
  EXPECT_EQ(ValueOf<Rate>("none", PerTimeOrNone("none", 1, 10)), Rate{});
  EXPECT_NE(ProblemOf<Rate>("none", PerTime(1, 10)), "");
  EXPECT_EQ(FormatValue(uint64_t{0}, CountOrZero("auto", 1, 64)), "auto");
  EXPECT_EQ(FormatValue(uint64_t{0}, Count(0, 64)), "0");
}

TEST(Values, AreRefusedWhereTheyAreNoneOfTheirKind) {
  EXPECT_NE(ProblemOf<uint32_t>("x", Count(0, 64), 5), "");
  EXPECT_NE(ProblemOf<std::chrono::microseconds>("30", Duration(0us, 1h)), "");
  EXPECT_NE(ProblemOf<Ratio>("half", Percent(0, 100)), "");
  EXPECT_NE(ProblemOf<Rate>("5", PerTime(1, 10)), "");
  EXPECT_EQ(ProblemOf<bool>("yes", Switch()), "yes is neither true nor false");
  EXPECT_NE(ProblemOf<Address>("nowhere", AnyAddress(1)), "");
  EXPECT_EQ(ProblemOf<Protocol>("rediss", Choice()), "rediss is unknown, perhaps redis; it may be redis or memcached");
  EXPECT_TRUE(ProblemOf<OnDown>("rehas", WhenDown()).ends_with(", or {gutter: POOL}"));
}

TEST(Values, AreNoNamesWithBlanksOrControlCharacters) {
  for (const std::string_view bad : {"two words", "a\r\nb", "\x7f"}) {
    EXPECT_TRUE(ProblemOf<std::string>(bad, Name()).ends_with(" is no name: it has a blank or a control character"));
  }
  EXPECT_EQ(ProblemOf<std::string>("", Name()), "a name may not be empty");
  EXPECT_TRUE(ProblemOf<std::string>(std::string(129, 'x'), Name()).ends_with(" has 129 bytes, the most is 128"));
  EXPECT_EQ(ValueOf<std::string>("\xc3\xa9", Name()), "\xc3\xa9");
}

TEST(Values, MayBeTextsOfAnyBytesWithinTheirLength) {
  EXPECT_EQ(ValueOf<std::string>("two words\n", Text(1, 20)), "two words\n");
  EXPECT_EQ(ProblemOf<std::string>("", Text(1, 20)), "may not be empty");
  EXPECT_EQ(ValueOf<std::string>("", Text(0, 20)), "");
  EXPECT_TRUE(ProblemOf<std::string>(std::string_view("/a\0b", 4), Path()).ends_with(" is no path: it has a NUL"));
}

TEST(Values, AreAddressesOfTheKindThatIsWanted) {
  EXPECT_EQ(ProblemOf<Address>("unix:/x", TcpAddress(0)), "unix:/x is not HOST:PORT");
  EXPECT_EQ(ProblemOf<Address>("unix:/x", TcpAddressOrNone(1)), "unix:/x is not HOST:PORT");
  EXPECT_EQ(ProblemOf<Address>("h:0", AnyAddress(1)), "h:0 has port 0, the least is 1");
  EXPECT_EQ(ValueOf<Address>("h:0", AnyAddress(0)).port, 0);
}

TEST(Values, AreShownAsTheyAreWritten) {
  EXPECT_EQ(FormatValue(Words{"a", "b c"}, WordList()), "[a, b c]");
  EXPECT_EQ(FormatValue(Words{}, WordList()), "[]");
  EXPECT_EQ(FormatValue(OnDown{DownPolicy::kGutter, "spare"}, WhenDown()), "{gutter: spare}");
  EXPECT_EQ(FormatValue(Ratio{1250}, FactorOrZero(1000, 2000)), "1.25");
  EXPECT_EQ(FormatValue(Ratio{500}, Percent(0, 100)), "50%");
  EXPECT_EQ(FormatValue(Rate{600, 1min}, PerTime(1, 1000)), "600/m");
}

TEST(Values, OfAListAreCounted) {
  EXPECT_EQ(CheckEntries(2, ListOf(1, 2)), std::nullopt);
  EXPECT_EQ(CheckEntries(0, ListOf(1, 2))->text, "has 0 entries, the least is 1");
  EXPECT_EQ(CheckEntries(3, MapOf(1, 2))->text, "has 3 entries, the most is 2");
  EXPECT_EQ(CheckEntries(1, ListOf(2, 2))->text, "has 1 entry, the least is 2");
}

TEST(Values, AreDescribedByKindAndBounds) {
  const std::tuple<Bounds, std::string, std::string> kKinds[] = {
      {CountOrZero("auto", 1, 1024), "number", "1 to 1024 or auto"},
      {Bytes(1 << 10, 1 << 20), "size", "1KiB to 1MiB"},
      {Duration(1ms, 1min), "duration", "1ms to 1m"},
      {Percent(1, 100), "ratio", "1% to 100%"},
      {FactorOrZero(1000, 2500), "factor", "1 to 2.5 or 0"},
      {PerTime(1, 10), "rate", "1 to 10"},
      {Switch(), "true or false", ""},
      {WhenDown(), "error, rehash or {gutter: POOL}", ""},
      {Choice(), "word", ""},
      {Name(), "name", "at most 128 bytes"},
      {Text(0, 20), "text", "at most 20 bytes"},
      {WordList(), "word or a list of words", "at most 256"},
      {Path(), "file", ""},
      {AnyAddress(1), "HOST:PORT or unix:/PATH", ""},
      {TcpAddress(1), "HOST:PORT", ""},
      {TcpAddressOrNone(1), "HOST:PORT or empty", ""},
      {Section(), "map", ""},
      {ListOf(1, 5), "list", "1 to 5 entries"},
      {MapOf(0, 5), "map by name", "0 to 5 entries"},
  };
  for (const auto& [bounds, kind, range] : kKinds) {
    EXPECT_EQ(DescribeKind(bounds), kind);
    EXPECT_EQ(DescribeBounds(bounds), range) << kind;
  }
}

TEST(Values, OfAnUnknownNameHintAtTheNearest) {
  const std::string_view kNamesThereAre[] = {"vnode", "modula"};
  EXPECT_EQ(UnknownName("vnodes", kNamesThereAre).text, "vnodes is unknown, perhaps vnode; it may be vnode or modula");
  EXPECT_EQ(UnknownName("zzzzzzzz", kNamesThereAre).text, "zzzzzzzz is unknown; it may be vnode or modula");
}

}  // namespace
}  // namespace ringproxy::conf
