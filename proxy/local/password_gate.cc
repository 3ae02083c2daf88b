#include "proxy/local/password_gate.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace ringproxy::proxy {
namespace {

// Looks at every byte that was given, whatever it finds.
bool IsEqual(std::string_view given, std::string_view password) {
  size_t difference = given.size() ^ password.size();
  for (size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<size_t>(static_cast<unsigned char>(given[i]) ^
                                      static_cast<unsigned char>(password[i % password.size()]));
  }
  return difference == 0;
}

// The part of an address that one host cannot change.
conf::IpAddress HostOf(conf::IpAddress address) {
  constexpr size_t kNetworkBytes = 8;
  if (!address.is_v4()) std::fill(address.bytes.begin() + kNetworkBytes, address.bytes.end(), 0);
  return address;
}

}  // namespace

PasswordGate::Entry PasswordGate::Try(std::string_view user, std::string_view password, conf::IpAddress from,
                                      net::TimePoint now) {
  from = HostOf(from);
  auto known = std::ranges::find(guessers_, from, &Guesser::address);
  if (known != guessers_.end() && now - known->last >= kForget) known->wrong = 0;
  const size_t guess = std::hash<std::string>{}(std::string(user).append(1, '\0').append(password));
  if (known != guessers_.end() && known->wrong > 0 && known->last_guess == guess) return {LoginVerdict::kWrong};
  if (known != guessers_.end() && known->wrong >= kFreeTries && now - known->last < kPause) {
    return {LoginVerdict::kTooSoon, known->last + kPause - now};
  }
  const bool is_equal = IsEqual(password, password_);
  if (is_equal && user == "default") {
    if (known != guessers_.end()) guessers_.erase(known);
    return {LoginVerdict::kRight};
  }
  NoteWrong(known != guessers_.end() ? &*known : nullptr, from, guess, now);
  return {LoginVerdict::kWrong};
}

void PasswordGate::NoteWrong(Guesser* guesser, const conf::IpAddress& from, size_t guess, net::TimePoint now) {
  if (guesser == nullptr && guessers_.size() < kMostAddresses) {
    guesser = &guessers_.emplace_back();
  } else if (guesser == nullptr) {
    guesser = &*std::ranges::min_element(guessers_, {}, &Guesser::last);
    *guesser = {};
  }
  guesser->address = from;
  ++guesser->wrong;
  guesser->last_guess = guess;
  guesser->last = now;
}

}  // namespace ringproxy::proxy
