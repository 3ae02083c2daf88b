#include "conf/import/envoy_clusters.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

std::string DurationOf(const std::string& text) {
  Draft draft("f", "Envoy");
  const TreeValue value = *ParseTree("d: " + text, "f");
  const auto duration = ReadEnvoyDuration(draft, value.values[0]);
  return duration ? std::to_string(duration->count()) : "none";
}

TEST(EnvoyClusters, ReadDurationsInTheirForms) {
  EXPECT_EQ(DurationOf("5s"), "5000000");
  EXPECT_EQ(DurationOf("0.25s"), "250000");
  EXPECT_EQ(DurationOf("{seconds: 1, nanos: 500000000}"), "1500000");
  EXPECT_EQ(DurationOf("{nanos: 1000000}"), "1000");
  for (const char* none : {"5", "5ms", "s", "-1s", "nans", "1e300s", "[1s]", "{seconds: x}"})
    EXPECT_EQ(DurationOf(none), "none") << none;
}

TEST(EnvoyClusters, FindFieldsByEitherOfTheirNames) {
  const TreeValue message = *ParseTree("{op_timeout: 1, readPolicy: 2}", "f");
  EXPECT_EQ(Field(&message, "op_timeout")->text, "1");
  EXPECT_EQ(Field(&message, "read_policy")->text, "2");
  EXPECT_EQ(Field(&message, "no_such_field"), nullptr);
  EXPECT_EQ(Field(nullptr, "op_timeout"), nullptr);
}

}  // namespace
}  // namespace ringproxy::conf
