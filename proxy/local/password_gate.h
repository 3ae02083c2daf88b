// proxy/local/password_gate.h – Who may come in by a listener's password, in one worker.
//
// Purpose: compares what a client gives with the password, in a time that tells nothing of it, and bounds how fast one
// address may guess: after kFreeTries wrong ones in a row each further try has to wait kPause, a right one too. Who
// says the same wrong one again does not guess, so that a client with an old password keeps out nobody but itself. An
// address of IPv6 is its /64, which belongs to one host; all clients over a Unix socket are one address. The table of
// addresses is bounded: where there are more, the one that has been quiet longest is forgotten.
// Threads: its worker's. It reads no clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/net/loop.h"
#include "conf/cidr.h"

namespace ringproxy::proxy {

class PasswordGate {
 public:
  static constexpr uint32_t kFreeTries = 10;
  static constexpr net::Duration kPause = std::chrono::seconds(10);
  // Wrong ones that are so old count no more.
  static constexpr net::Duration kForget = std::chrono::minutes(10);
  static constexpr size_t kMostAddresses = 1024;

  enum class LoginVerdict : uint8_t { kRight, kWrong, kTooSoon };
  struct Entry {
    LoginVerdict verdict;
    net::Duration wait{0};  // kTooSoon: before the next try.
  };

  // Empty: there is none, and everybody is in.
  explicit PasswordGate(std::string password) : password_(std::move(password)) {}
  void SetPassword(std::string password) { password_ = std::move(password); }
  bool is_open() const { return password_.empty(); }

  // Requires: it is not open.
  Entry Try(std::string_view user, std::string_view password, conf::IpAddress from, net::TimePoint now);
  size_t addresses() const { return guessers_.size(); }

 private:
  struct Guesser {
    conf::IpAddress address;
    uint32_t wrong = 0;     // In a row.
    size_t last_guess = 0;  // Its hash.
    net::TimePoint last{};
  };

  void NoteWrong(Guesser* guesser, const conf::IpAddress& from, size_t guess, net::TimePoint now);

  std::string password_;
  std::vector<Guesser> guessers_;  // A login looks at all of them: they are few, and logins are rare.
};

}  // namespace ringproxy::proxy
