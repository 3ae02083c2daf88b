#include "conf/result.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

TEST(Error, SaysWhereWhichOptionAndWhat) {
  const Error error{"ringproxy.yaml", 14, 7, "pools.sessions.timeouts.request", "0ms is below the least, 1ms"};
  EXPECT_EQ(error.ToString(), "ringproxy.yaml:14:7: pools.sessions.timeouts.request: 0ms is below the least, 1ms");
}

TEST(Error, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ((Error{"f.yaml", 0, 0, "", "cannot be read"}).ToString(), "f.yaml: cannot be read");
  EXPECT_EQ((Error{"", 0, 0, "workers", "is bad"}).ToString(), "workers: is bad");
}

TEST(Errors, AreOneALineAndNotEndless) {
  const Errors errors(150, Error{"f", 1, 1, "p", "bad"});
  const std::string text = ToString(errors);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
  EXPECT_TRUE(text.ends_with("and 50 more\n"));
}

TEST(Result, HoldsAValueOrErrors) {
  const Result<int> good = 5;
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(*good, 5);
  const Result<int> bad = Errors{{"f", 1, 1, "p", "bad"}};
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.errors().size(), 1U);
}

TEST(ResultDeathTest, RefusesToGiveWhatItDoesNotHold) {
  const Result<int> good = 5;
  const Result<int> bad = Errors{};
  EXPECT_DEATH(static_cast<void>(good.errors()), "");
  EXPECT_DEATH(static_cast<void>(*bad), "");
}

}  // namespace
}  // namespace ringproxy::conf
