#include "proxy/local/password_gate.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using LoginVerdict = PasswordGate::LoginVerdict;

class PasswordGateTest : public testing::Test {
 protected:
  LoginVerdict Try(std::string_view password, std::string_view ip = "10.0.0.1") {
    const PasswordGate::Entry entry = gate_.Try("default", password, conf::ParseIp(ip).value(), now_);
    wait_ = entry.wait;
    return entry.verdict;
  }
  void GuessOften(std::string_view ip = "10.0.0.1") {
    for (uint32_t i = 0; i < PasswordGate::kFreeTries; ++i)
      EXPECT_EQ(Try("x" + std::to_string(i), ip), LoginVerdict::kWrong) << i;
  }

  PasswordGate gate_{"secret"};
  net::TimePoint now_{1000s};
  net::Duration wait_{};
};

TEST_F(PasswordGateTest, KnowsThePasswordAndNothingLikeIt) {
  EXPECT_EQ(Try("secret"), LoginVerdict::kRight);
  for (const std::string_view wrong : {"", "s", "secre", "secrets", "secretsecret", "Secret", "tecret", "secreu"})
    EXPECT_EQ(Try(wrong, "10.0.0." + std::to_string(wrong.size())), LoginVerdict::kWrong) << wrong;
  EXPECT_EQ(Try(std::string_view("secret\0", 7)), LoginVerdict::kWrong);
  EXPECT_EQ(gate_.Try("app", "secret", {}, now_).verdict, LoginVerdict::kWrong) << "there is only the user default";
}

TEST_F(PasswordGateTest, IsOpenWithoutAPassword) {
  EXPECT_FALSE(gate_.is_open());
  gate_.SetPassword("");
  EXPECT_TRUE(gate_.is_open());
  gate_.SetPassword("other");
  EXPECT_EQ(Try("secret"), LoginVerdict::kWrong);
  EXPECT_EQ(Try("other"), LoginVerdict::kRight);
}

TEST_F(PasswordGateTest, LetsAnAddressThatGuessesWait) {
  GuessOften();
  now_ += 1s;
  EXPECT_EQ(Try("secret"), LoginVerdict::kTooSoon) << "or guessing would go on";
  EXPECT_EQ(wait_, 9s);
  EXPECT_EQ(Try("secret", "10.0.0.2"), LoginVerdict::kRight) << "another address is not concerned";
  now_ += 9s;
  EXPECT_EQ(Try("x"), LoginVerdict::kWrong) << "one at a time";
  EXPECT_EQ(Try("secret"), LoginVerdict::kTooSoon);
  now_ += PasswordGate::kPause;
  EXPECT_EQ(Try("secret"), LoginVerdict::kRight);
  GuessOften();
}

TEST_F(PasswordGateTest, WhoSaysTheSameWrongOneAgainDoesNotGuess) {
  for (uint32_t i = 0; i < 3 * PasswordGate::kFreeTries; ++i) EXPECT_EQ(Try("old"), LoginVerdict::kWrong) << i;
  EXPECT_EQ(Try("secret"), LoginVerdict::kRight) << "a neighbour behind the same address";
  GuessOften();
  EXPECT_EQ(Try("secret"), LoginVerdict::kTooSoon);
  EXPECT_EQ(Try("x9"), LoginVerdict::kWrong) << "it was wrong a moment ago";
}

TEST_F(PasswordGateTest, ForgetsOldMistakes) {
  GuessOften();
  now_ += PasswordGate::kForget;
  GuessOften();
  EXPECT_EQ(Try("secret"), LoginVerdict::kTooSoon);
}

TEST_F(PasswordGateTest, TakesANetworkOfIpv6ForOneAddress) {
  GuessOften("2001:db8::1");
  EXPECT_EQ(Try("secret", "2001:db8::ffff:1"), LoginVerdict::kTooSoon);
  EXPECT_EQ(Try("secret", "2001:db8:0:1::1"), LoginVerdict::kRight);
}

TEST_F(PasswordGateTest, RemembersABoundedNumberOfAddressesTheBusiestOfThem) {
  GuessOften();
  for (size_t i = 0; i < 3 * PasswordGate::kMostAddresses; ++i) {
    now_ += 1ms;
    const std::string ip = "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    EXPECT_EQ(Try("x", ip), LoginVerdict::kWrong);
    if (i % 500 == 0) {
      EXPECT_EQ(Try("x"), LoginVerdict::kTooSoon) << i;
      EXPECT_EQ(gate_.addresses(), std::min(i + 2, PasswordGate::kMostAddresses));
    }
    if (i == 900) break;
  }
  for (size_t i = 0; i < 2 * PasswordGate::kMostAddresses; ++i) {
    now_ += 1ms;
    Try("x", "10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  }
  EXPECT_EQ(gate_.addresses(), PasswordGate::kMostAddresses);
  for (size_t i = 0; i < 20; ++i) EXPECT_NE(Try("secret", "10.3.0." + std::to_string(i)), LoginVerdict::kTooSoon);
}

}  // namespace
}  // namespace ringproxy::proxy
