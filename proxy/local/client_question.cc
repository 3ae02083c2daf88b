#include "proxy/local/client_question.h"

#include <algorithm>
#include <iterator>

#include "backends/wire/ascii.h"
#include "backends/wire/error_text.h"
#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

using ClientType = ClientFilter::ClientType;

constexpr std::string_view kSyntax = "ERR syntax error";

// Each of these is true when what it has read is right; else the error is appended.
bool Fail(std::string_view error, std::string* out) {
  wire::AppendError(error, out);
  return false;
}

bool ReadType(std::string_view word, ClientFilter* filter, std::string* out) {
  constexpr std::string_view kServers[] = {"master", "replica", "slave"};
  const auto is = [word](std::string_view type) { return wire::EqualsIgnoringCase(word, type); };
  if (is("normal")) {
    filter->type = ClientType::kNormal;
  } else if (is("pubsub")) {
    filter->type = ClientType::kPubSub;
  } else if (std::ranges::any_of(kServers, is)) {
    filter->type = ClientType::kServer;
  } else {
    return Fail(std::string("ERR Unknown client type '").append(word).append("'"), out);
  }
  return true;
}

bool ReadList(const wire::Request& request, ClientQuestion* question, std::string* out) {
  ClientFilter& filter = question->filter;
  if (request.size() == 2) return true;
  if (request.size() == 4 && wire::EqualsIgnoringCase(request[2], "type")) return ReadType(request[3], &filter, out);
  if (request.size() < 4 || !wire::EqualsIgnoringCase(request[2], "id")) return Fail(kSyntax, out);
  filter.ids.emplace();
  for (size_t i = 3; i < request.size(); ++i) {
    const std::optional<int64_t> id = wire::ParseInteger(request[i]);
    if (!id) return Fail("ERR Invalid client ID", out);
    filter.ids->push_back(*id);
  }
  // A client may give thousands of numbers, and each client is looked for among them.
  std::ranges::sort(*filter.ids);
  return true;
}

bool ReadKillOption(std::string_view option, std::string_view value, ClientFilter* filter, std::string* out) {
  const auto is = [option](std::string_view known) { return wire::EqualsIgnoringCase(option, known); };
  if (is("id")) {
    const std::optional<int64_t> id = wire::ParseInteger(value);
    if (!id || *id < 1) return Fail("ERR client-id should be greater than 0", out);
    filter->ids.emplace(1, *id);
  } else if (is("type")) {
    return ReadType(value, filter, out);
  } else if (is("addr")) {
    filter->address = value;
  } else if (is("laddr")) {
    filter->local_address = value;
  } else if (is("user")) {
    // It is everybody's.
    if (value != "default") return Fail(std::string("ERR No such user '").append(value).append("'"), out);
  } else if (is("skipme")) {
    filter->skips_asker = wire::EqualsIgnoringCase(value, "yes");
    if (!filter->skips_asker && !wire::EqualsIgnoringCase(value, "no")) return Fail(kSyntax, out);
  } else if (is("maxage")) {
    const std::optional<int64_t> seconds = wire::ParseInteger(value);
    if (!seconds) return Fail("ERR maxage is not an integer or out of range", out);
    if (*seconds < 1) return Fail("ERR maxage should be greater than 0", out);
    filter->least_age = std::chrono::seconds(*seconds);
  } else {
    return Fail(kSyntax, out);
  }
  return true;
}

bool ReadKill(const wire::Request& request, ClientQuestion* question, std::string* out) {
  question->deed = ClientQuestion::Deed::kKill;
  if (request.size() == 3) {
    question->must_find = true;
    question->filter.address = request[2];
    return true;
  }
  question->filter.skips_asker = true;
  for (size_t i = 2; i < request.size(); i += 2) {
    if (i + 1 == request.size()) return Fail(kSyntax, out);
    if (!ReadKillOption(request[i], request[i + 1], &question->filter, out)) return false;
  }
  return true;
}

bool FailOfShape(const wire::Request& request, std::string* out) {
  std::string text = "ERR unknown subcommand or wrong number of arguments for '";
  return Fail(text.append(request[1]).append("'. Try CLIENT HELP."), out);
}

bool ReadUnblock(const wire::Request& request, ClientQuestion* question, std::string* out) {
  question->deed = ClientQuestion::Deed::kUnblock;
  if (request.size() > 4) return FailOfShape(request, out);
  if (request.size() == 4) {
    question->with_error = wire::EqualsIgnoringCase(request[3], "error");
    if (!question->with_error && !wire::EqualsIgnoringCase(request[3], "timeout"))
      return Fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR", out);
  }
  const std::optional<int64_t> id = wire::ParseInteger(request[2]);
  if (!id) return Fail("ERR value is not an integer or out of range", out);
  question->filter.ids.emplace(1, *id);
  return true;
}

bool ReadPause(const wire::Request& request, ClientQuestion* question, std::string* out) {
  question->deed = ClientQuestion::Deed::kPause;
  if (request.size() > 4) return FailOfShape(request, out);
  question->all = request.size() == 3 || wire::EqualsIgnoringCase(request[3], "all");
  if (!question->all && !wire::EqualsIgnoringCase(request[3], "write"))
    return Fail("ERR CLIENT PAUSE mode must be WRITE or ALL", out);
  const std::optional<int64_t> time = wire::ParseInteger(request[2]);
  if (!time) return Fail("ERR timeout is not an integer or out of range", out);
  if (*time < 0) return Fail("ERR timeout is negative", out);
  question->time = std::min(std::chrono::milliseconds(*time), kLongestPause);
  return true;
}

bool ReadUnpause(const wire::Request&, ClientQuestion* question, std::string*) {
  question->deed = ClientQuestion::Deed::kUnpause;
  return true;
}

struct DeedRow {
  std::string_view word;
  bool (*read)(const wire::Request& request, ClientQuestion* question, std::string* out);
};

constexpr DeedRow kDeeds[] = {
    {"list", ReadList}, {"kill", ReadKill}, {"unblock", ReadUnblock}, {"pause", ReadPause}, {"unpause", ReadUnpause},
};

}  // namespace

bool ClientFilter::Fits(const ClientFacts& facts, net::TimePoint now) const {
  if (ids && !std::ranges::binary_search(*ids, static_cast<int64_t>(facts.client.id))) return false;
  if (address && facts.client.address != *address) return false;
  if (type && *type != (facts.listens() ? ClientType::kPubSub : ClientType::kNormal)) return false;
  // It takes a call of the system.
  if (local_address && facts.stream.local_address() != *local_address) return false;
  return facts.AgeAt(now) >= least_age;
}

void ClientAnswer::Add(ClientAnswer&& other) {
  count += other.count;
  kills_asker |= other.kills_asker;
  std::ranges::move(other.lines, std::back_inserter(lines));
}

std::optional<ClientQuestion> ReadClientQuestion(const wire::Request& request, std::string* out) {
  const auto is = [&request](const DeedRow& row) { return wire::EqualsIgnoringCase(row.word, request[1]); };
  ClientQuestion question;
  if (!std::ranges::find_if(kDeeds, is)->read(request, &question, out)) return std::nullopt;
  return question;
}

void AppendClientAnswer(const ClientQuestion& question, ClientAnswer&& answer, uint8_t protocol, std::string* out) {
  switch (question.deed) {
    case ClientQuestion::Deed::kList: {
      std::ranges::sort(answer.lines, {}, &std::pair<uint64_t, std::string>::first);
      std::string text;
      for (const auto& [id, line] : answer.lines) text.append(line);
      return wire::AppendText(text, protocol, out);
    }
    case ClientQuestion::Deed::kKill:
      if (!question.must_find) return wire::AppendInteger(static_cast<int64_t>(answer.count), out);
      if (answer.count == 0) return wire::AppendError("ERR No such client", out);
      break;
    case ClientQuestion::Deed::kUnblock: return wire::AppendInteger(answer.count > 0 ? 1 : 0, out);
    case ClientQuestion::Deed::kPause:
    case ClientQuestion::Deed::kUnpause: break;
  }
  wire::AppendSimple("OK", out);
}

}  // namespace ringproxy::proxy
