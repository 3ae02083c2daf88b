// proxy/local/client_question.h – What one client asks about the others of its listener, or does to them.
//
// Purpose: CLIENT LIST, KILL, UNBLOCK, PAUSE and UNPAUSE as a value that every worker answers by itself, and what their
// answers come to together. A client reaches those of its own listener alone: a listener is one server to its clients,
// and others in the process may be somebody else's. Threads: values, which workers share once they are made.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/wire/request.h"
#include "proxy/local/client_facts.h"

namespace ringproxy::proxy {

// Which clients are meant: those that all that is given fits.
struct ClientFilter {
  enum class ClientType : uint8_t {
    kNormal,
    kPubSub,
    kServer
  };  // kServer: replicas and masters, of which none is here.

  bool Fits(const ClientFacts& facts, net::TimePoint now) const;

  std::optional<std::vector<int64_t>> ids{};  // In order.
  std::optional<std::string> address{};
  std::optional<std::string> local_address{};
  std::optional<ClientType> type{};
  std::chrono::seconds least_age{};
  bool skips_asker = false;
};

struct ClientQuestion {
  enum class Deed : uint8_t { kList, kKill, kUnblock, kPause, kUnpause };

  Deed deed{};
  uint32_t listener = 0;
  uint64_t asker = 0;                // Its id.
  size_t asker_bytes = 0;            // That it had sent and that were not taken yet, the question itself among them.
  ClientFilter filter{};             // Of kUnblock the id alone.
  bool must_find = false;            // Of kKill: nobody is an error, and anybody OK.
  bool with_error = false;           // Of kUnblock: who waits reads an error, and not that its time is over.
  std::chrono::milliseconds time{};  // Of kPause.
  bool all = false;                  // Of kPause: not only what may change data is held.
};

// Of one worker, or of several together.
struct ClientAnswer {
  void Add(ClientAnswer&& other);

  uint64_t count = 0;
  bool kills_asker = false;
  std::vector<std::pair<uint64_t, std::string>> lines{};  // By the clients' ids.
};

// What is longer ends then: the clock can tell it, and no process lives to see it.
inline constexpr std::chrono::milliseconds kLongestPause = std::chrono::years(100);

// Of a request whose row is kClients, but CLIENT INFO. None: the request is not right, and the error is appended.
std::optional<ClientQuestion> ReadClientQuestion(const wire::Request& request, std::string* out);

// The reply to the question. `answer`: of all workers.
void AppendClientAnswer(const ClientQuestion& question, ClientAnswer&& answer, uint8_t protocol, std::string* out);

}  // namespace ringproxy::proxy
