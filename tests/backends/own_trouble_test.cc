#include "backends/own_trouble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "tests/support/log_capture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

TEST(OwnTrouble, IsWhatThisProcessOrItsMachineLacks) {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL}) EXPECT_TRUE(IsOwnTrouble(error)) << error;
  for (const int error : {0, ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EPIPE}) {
    EXPECT_FALSE(IsOwnTrouble(error)) << error;
  }
}

TEST(OwnTrouble, IsCountedByWhatCouldNotBeDone) {
  const test::LogCapture log;
  std::vector<uint64_t> before;
  for (const Attempt attempt : kAttempts) before.push_back(OwnTroubles(attempt));
  NoteOwnTrouble(Attempt::kNode, EMFILE, net::TimePoint());
  NoteOwnTrouble(Attempt::kNode, ENOMEM, net::TimePoint());
  NoteOwnTrouble(Attempt::kCheck, EMFILE, net::TimePoint());
  std::vector<uint64_t> more;
  for (size_t i = 0; i < std::size(kAttempts); ++i) more.push_back(OwnTroubles(kAttempts[i]) - before[i]);
  EXPECT_EQ(more, (std::vector<uint64_t>{0, 2, 1, 0}));
}

TEST(OwnTrouble, HasANameForEachAttempt) {
  std::set<std::string> names;
  for (const Attempt attempt : kAttempts) names.insert(NameOf(attempt));
  EXPECT_EQ(names, (std::set<std::string>{"accept", "node", "check", "admin"}));
}

TEST(OwnTrouble, IsSaidOnceASecondWithWhatCouldNotBeDoneAndWhy) {
  const net::TimePoint start(1h);
  {
    const test::LogCapture before;
    NoteOwnTrouble(Attempt::kNode, EMFILE, start - 1min);  // Says what other tests have left out.
  }
  const test::LogCapture log;
  NoteOwnTrouble(Attempt::kAccept, EMFILE, start);
  NoteOwnTrouble(Attempt::kNode, EMFILE, start + 500ms);
  EXPECT_EQ(log.text(), "a client cannot be accepted: Too many open files\n");
  NoteOwnTrouble(Attempt::kNode, EADDRNOTAVAIL, start + 1s);
  NoteOwnTrouble(Attempt::kCheck, ENOMEM, start + 2s);
  NoteOwnTrouble(Attempt::kAdmin, ENFILE, start + 3s);
  EXPECT_EQ(log.text(),
            "a client cannot be accepted: Too many open files\n"
            "a connection to a node cannot be opened: Cannot assign requested address (1 more line like this was left "
            "out)\n"
            "a node cannot be checked: Cannot allocate memory\n"
            "a client of the admin port cannot be accepted: Too many open files in system\n");
}

}  // namespace
}  // namespace ringproxy::backends
