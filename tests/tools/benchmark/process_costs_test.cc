#include "tools/benchmark/process_costs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>

namespace ringproxy::bench {
namespace {

// Uses so much CPU time, as the process's own clock says.
void Work(std::clock_t ms) {
  const std::clock_t end = std::clock() + ms * CLOCKS_PER_SEC / 1000;
  while (std::clock() < end) {
  }
}

TEST(ProcessCosts, CountTheCpuTimeBetweenBeginAndEndByName) {
  ProcessCosts costs({{"proxy", getpid()}}, 0);
  Work(20);
  costs.Begin();
  Work(5);
  const ProcessCosts::Spent spent = costs.End();
  EXPECT_EQ(spent.cpu_us.size(), 2U);
  for (const char* name : {"load", "proxy"}) {
    EXPECT_GE(spent.cpu_us.at(name), 4'900) << name;
    EXPECT_LT(spent.cpu_us.at(name), 20'000) << "what came before Begin does not count";
  }
  EXPECT_TRUE(spent.calls.empty());
}

TEST(ProcessCosts, GrowUntilTheyAreAskedFor) {
  ProcessCosts costs({}, 0);
  costs.Begin();
  const double before = costs.End().cpu_us.at("load");
  Work(2);
  EXPECT_GT(costs.End().cpu_us.at("load"), before);
}

}  // namespace
}  // namespace ringproxy::bench
