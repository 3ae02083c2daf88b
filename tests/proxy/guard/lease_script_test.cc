#include "proxy/guard/lease_script.h"

#include <gtest/gtest.h>

#include "tests/support/lease_store.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kNow = 1'795'207'122'998'100;  // Of TIME: microseconds since 1970.

LeaseTerms Terms(uint64_t amount, conf::microseconds window, uint64_t burst) {
  return {.rate = {amount, window}, .burst = burst};
}

TEST(LeaseScript, IsCalledByItsHashAndOnceByItsText) {
  const LeaseRequest request{.want = 20, .least = 2, .debt = 3, .lessees = 8, .after_outage = true};
  const std::string rest =
      "$1\r\n1\r\n$10\r\n{limit:key}\r\n$4\r\n1000\r\n$7\r\n1000000\r\n$3\r\n100\r\n$2\r\n20\r\n$1\r\n2\r\n$1\r\n3\r\n"
      "$1\r\n8\r\n$1\r\n1\r\n";
  std::string hash, text;
  AppendLeaseCall(ScriptForm::kHash, "{limit:key}", Terms(1000, 1s, 100), request, &hash);
  AppendLeaseCall(ScriptForm::kText, "{limit:key}", Terms(1000, 1s, 100), request, &text);
  std::string by_hash = "*12\r\n$7\r\nEVALSHA\r\n$40\r\n" + ScriptHash(LeaseScript()) + "\r\n" + rest;
  by_hash.replace(by_hash.find("$10\r\n{"), 5, "$11\r\n");
  EXPECT_EQ(hash, by_hash);
  EXPECT_TRUE(text.starts_with("*12\r\n$4\r\nEVAL\r\n$" + std::to_string(LeaseScript().size()) + "\r\n"));
  EXPECT_TRUE(text.ends_with(by_hash.substr(by_hash.find("$1\r\n1\r\n"))));
}

TEST(LeaseScript, HashesAsRedisDoes) {
  EXPECT_EQ(ScriptHash("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

TEST(LeaseScript, ReadsItsReplyAndNothingElse) {
  const auto reply = ParseLeaseReply("*3\r\n:20\r\n:0\r\n:950\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->granted, 20U);
  EXPECT_EQ(reply->retry_after, 0us);
  EXPECT_EQ(reply->used_thousandths, 950U);
  EXPECT_EQ(ParseLeaseReply("*3\r\n:0\r\n:-1\r\n:0\r\n")->retry_after, kNoRetry);
  for (const std::string_view wrong :
       {"", "-ERR no\r\n", "*2\r\n:1\r\n:2\r\n", "*3\r\n:1\r\n:2\r\n", "*3\r\n:1\r\n:2\r\n:x\r\n",
        "*3\r\n$1\r\n1\r\n:2\r\n:3\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "*3\r\n:-1\r\n:2\r\n:3\r\n",
        "*3\r\n:1\r\n:-2\r\n:3\r\n", ":1\r\n"}) {
    EXPECT_FALSE(ParseLeaseReply(wrong)) << wrong;
  }
}

TEST(LeaseScript, CountsItsMembers) {
  std::string call;
  AppendMembersCall(ScriptForm::kHash, "members", "host-1", &call);
  EXPECT_EQ(call, "*5\r\n$7\r\nEVALSHA\r\n$40\r\n" + ScriptHash(MembersScript()) +
                      "\r\n$1\r\n1\r\n$7\r\nmembers\r\n$6\r\nhost-1\r\n");
  EXPECT_EQ(ParseMembersReply(":4\r\n"), 4U);
  for (const std::string_view wrong : {":-1\r\n", "-ERR\r\n", "$1\r\n4\r\n", ":4\r\n:4\r\n", ":99999999999\r\n"}) {
    EXPECT_FALSE(ParseMembersReply(wrong)) << wrong;
  }
}

TEST(LeaseScript, KnowsAServerThatDoesNotHaveIt) {
  EXPECT_TRUE(IsNoScript("-NOSCRIPT No matching script. Please use EVAL.\r\n"));
  EXPECT_FALSE(IsNoScript("-ERR NOSCRIPT\r\n"));
}

// What follows is about the bucket: tests/e2e/test_lease_script.py holds the model and the script together.
TEST(LeaseBucket, GrantsWhatThereIsAndThenSaysHowLongToWait) {
  test::LeaseStore store;
  const LeaseTerms terms = Terms(1000, 1s, 100);
  EXPECT_EQ(store.Call(terms, {.want = 70}, kNow).granted, 70U);
  EXPECT_EQ(store.Call(terms, {.want = 70}, kNow).granted, 30U);
  const LeaseReply refused = store.Call(terms, {.want = 70, .least = 5}, kNow);
  EXPECT_EQ(refused.granted, 0U);
  EXPECT_EQ(refused.retry_after, 5ms);
  EXPECT_EQ(refused.used_thousandths, 1000U);
  EXPECT_EQ(store.Call(terms, {.want = 70, .least = 5}, kNow + 4'999).granted, 0U);
  EXPECT_EQ(store.Call(terms, {.want = 70, .least = 5}, kNow + 5'000).granted, 5U);
}

TEST(LeaseBucket, NeverGrantsMoreThanTheBurstAndTheTimePassed) {
  for (const LeaseTerms& terms :
       {Terms(3, 1s, 1), Terms(10'000'000, 1s, 1'000'000), Terms(7, 1h, 3), Terms(999, 1min, 17)}) {
    test::LeaseStore store;
    uint64_t granted = 0;
    const double window = static_cast<double>(terms.rate.window.count());
    for (int64_t time = 0; time < terms.rate.window.count(); time += terms.rate.window.count() / 997) {
      granted += store.Call(terms, {.want = terms.rate.amount}, kNow + time).granted;
      const double most = static_cast<double>(terms.burst) + static_cast<double>(terms.rate.amount * time) / window;
      ASSERT_LE(static_cast<double>(granted), most + 1e-5 * static_cast<double>(terms.rate.amount));
    }
    EXPECT_GE(granted, terms.rate.amount * 99 / 100);
  }
}

TEST(LeaseBucket, HasAWholeBurstWhenItIsFullWhateverTheRate) {
  for (uint64_t amount = 1; amount <= 10'000'000; amount = amount * 3 + 1) {
    for (const conf::microseconds window :
         {conf::microseconds(1s), conf::microseconds(1min), conf::microseconds(24h)}) {
      test::LeaseStore store;
      EXPECT_EQ(store.Call(Terms(amount, window, 7), {.want = 1000}, kNow).granted, 7U) << amount;
    }
  }
}

TEST(LeaseBucket, ChargesDebtWhateverThereIsButForgivesWhatIsBeyondASecond) {
  test::LeaseStore store;
  const LeaseTerms terms = Terms(100, 1s, 10);
  EXPECT_EQ(store.Call(terms, {.debt = 30}, kNow).used_thousandths, 3000U);
  EXPECT_EQ(store.Call(terms, {.want = 1}, kNow).retry_after, 210ms);
  store.Call(terms, {.debt = 100'000}, kNow);
  EXPECT_EQ(store.Call(terms, {.want = 1}, kNow).retry_after, 1'010ms);
}

TEST(LeaseBucket, BelievesADebtOfOneTokenForEachLesseeHoweverSlowTheLimit) {
  test::LeaseStore store;
  const LeaseTerms terms = Terms(1, 1s, 1);
  for (int lessee = 0; lessee < 32; ++lessee) store.Call(terms, {.debt = 1, .lessees = 32}, kNow);
  EXPECT_EQ(store.Call(terms, {.want = 1, .lessees = 32}, kNow).retry_after, 32s);
}

TEST(LeaseBucket, NeverBelievesATimeFurtherAheadThanABucketCanBe) {
  test::LeaseStore store;
  const LeaseTerms terms = Terms(1000, 1s, 100);
  store.Call(terms, {.want = 100}, kNow);
  EXPECT_EQ(store.Call(terms, {.want = 1}, kNow - 3'600'000'000).retry_after, 1'001ms);  // The clock was set back.
}

TEST(LeaseBucket, BeginsEmptyAfterAnOutageIfTheStoreHasLostIt) {
  test::LeaseStore store;
  const LeaseTerms terms = Terms(1000, 1s, 100);
  EXPECT_EQ(store.Call(terms, {.want = 5, .after_outage = true}, kNow).granted, 0U);
  EXPECT_EQ(store.Call(terms, {.want = 5, .after_outage = true}, kNow + 3'000).granted, 3U);
  EXPECT_EQ(store.Call(terms, {.want = 500}, kNow + 10'000'000).granted, 100U);
}

TEST(LeaseBucket, NeverHasMoreThanItsBurst) {
  test::LeaseStore store;
  EXPECT_EQ(store.Call(Terms(1000, 1s, 4), {.want = 5, .least = 5}, kNow).retry_after, kNoRetry);
  EXPECT_EQ(store.Call(Terms(1000, 1s, 4), {.want = 5}, kNow).granted, 4U);
}

}  // namespace
}  // namespace ringproxy::proxy
