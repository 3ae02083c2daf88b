#include "proxy/state/listing.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::proxy {
namespace {

// Of lines that a client has not taken, before the node is read on.
constexpr size_t kMostWaiting = 32 << 10;
// The node's crawler serves nobody else meanwhile.
constexpr std::chrono::seconds kPatience{60};

constexpr std::string_view kPrefixes = "stats|detail|dump";
constexpr std::string_view kItems = "stats|cachedump";
constexpr std::string_view kTokens = "lru_crawler|metadump";

// How each line begins.
std::string_view ItemOf(std::string_view command) {
  if (command == kPrefixes) return "PREFIX ";
  if (command == kItems) return "ITEM ";
  return command == kTokens ? "key=" : "mg ";
}

// Tokens leave with their node's tag: see memcache_cas.h. Keys are encoded, so that no blank is within one.
void AppendRetaggedLines(std::string_view lines, wire::CasTag tag, std::string* out) {
  constexpr std::string_view kCas = " cas=";
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n') + 1);
    lines.remove_prefix(line.size());
    const size_t cas = line.find(kCas);
    if (cas == std::string_view::npos) {
      out->append(line);
      continue;
    }
    const size_t token = cas + kCas.size();
    const size_t end = std::min(line.find_first_of(" \r\n", token), line.size());
    out->append(line.substr(0, token));
    wire::AppendRetagged(line.substr(token, end - token), tag, out);
    out->append(line.substr(end));
  }
}

}  // namespace

bool PrefixCounts::AddLine(std::string_view line) {
  constexpr std::string_view kPrefix = "PREFIX ";
  const size_t name_end = line.rfind(kNames[0]);
  if (name_end == std::string_view::npos || name_end < kPrefix.size()) return true;
  const std::string name(line.substr(kPrefix.size(), name_end - kPrefix.size()));
  std::array<uint64_t, kNames.size()> counts{};
  for (size_t i = 0; i < counts.size(); ++i) {
    const size_t at = line.find(kNames[i], name_end);
    if (at == std::string_view::npos) continue;
    std::from_chars(line.data() + at + kNames[i].size(), line.data() + line.size(), counts[i]);
  }
  const auto [place, is_new] = places_.emplace(name, counts_.size());
  if (is_new) {
    bytes_ += line.size();
    if (bytes_ > kMostBytes) return false;
    counts_.emplace_back(name, counts);
    return true;
  }
  for (size_t i = 0; i < counts.size(); ++i) counts_[place->second].second[i] += counts[i];
  return true;
}

bool PrefixCounts::Add(std::string_view lines) {
  while (!lines.empty()) {
    if (!AddLine(wire::TakeLine(&lines))) return false;
  }
  return true;
}

void PrefixCounts::Append(std::string* out) const {
  for (const auto& [name, counts] : counts_) {
    out->append("PREFIX ").append(name);
    for (size_t i = 0; i < counts.size(); ++i) out->append(kNames[i]).append(std::to_string(counts[i]));
    out->append("\r\n");
  }
}

Listing::Listing(backends::WorkerIo& io, backends::ReplySink& sink, ListingReader& reader, ListingRequest request)
    : io_(io), sink_(sink), reader_(reader), request_(std::move(request)), link_(io, *this) {}

void Listing::Start() {
  link_.Start(request_.nodes[asked_].settings, request_.line, ItemOf(request_.command));
}

void Listing::OnLines(std::string_view lines) {
  if (request_.command == kPrefixes) {
    if (!prefixes_.Add(lines)) {
      link_.Close();
      Finish("SERVER_ERROR too many prefixes to be added up: ask the nodes\r\n");
    }
    return;
  }
  // Of those that say so, one is enough.
  if (constexpr std::string_view kOk = "OK\r\n"; asked_ > 0 && lines.starts_with(kOk)) lines.remove_prefix(kOk.size());
  if (lines.empty()) return;
  text_.clear();
  if (request_.command == kTokens) AppendRetaggedLines(lines, request_.nodes[asked_].tag, &text_);
  const std::optional<size_t> waiting = reader_.OnListed(request_.session, text_.empty() ? lines : text_);
  if (!waiting || *waiting <= kMostWaiting) return;
  held_since_ = io_.loop.now();
  link_.Hold(true);
}

void Listing::OnRoom(size_t waiting) {
  if (!held_since_) return;
  held_since_ = io_.loop.now();
  if (waiting > kMostWaiting / 2) return;
  held_since_.reset();
  link_.Hold(false);
}

void Listing::Tick() {
  if (is_over_ || !held_since_ || io_.loop.now() - *held_since_ < kPatience) return;
  // It ends the list as well.
  reader_.CutOff(request_.session, "it does not read the list that it has asked for");
}

void Listing::OnLastLine(std::string_view line) {
  const bool is_end = line == "END" || line == "EN";
  // A node that holds nothing may say so.
  const bool is_empty = line.starts_with("NOTSTARTED");
  if (!is_end && !is_empty) return FinishBy(line);
  if (is_end || last_.empty()) last_ = line;
  if (++asked_ < request_.nodes.size()) return Start();
  std::string text;
  prefixes_.Append(&text);
  Finish(text.append(last_).append("\r\n"));
}

void Listing::OnListingFailed(wire::ErrorCode code) {
  std::string text;
  wire::AppendMemcacheError(code, &text);
  std::string_view rest = text;
  FinishBy(wire::TakeLine(&rest));
}

void Listing::FinishBy(std::string_view line) {
  std::string text(line);
  // What every node says of such arguments.
  const bool is_of_all =
      asked_ == 0 && (line == "ERROR" || line.starts_with("BADCLASS") || line.starts_with("CLIENT_ERROR"));
  const std::string& node = request_.nodes[asked_].name;
  if (!is_of_all && !node.empty()) text.append(" (node ").append(node).append(")");
  Finish(text.append("\r\n"));
}

void Listing::Finish(std::string text) {
  is_over_ = true;
  sink_.OnReply(request_.ticket, backends::Reply(std::string_view(text)));
}

void Listing::End() {
  if (is_over_) return;
  is_over_ = true;
  link_.Close();
  sink_.OnFailure(request_.ticket, {.code = wire::ErrorCode::kNodeDown});
}

}  // namespace ringproxy::proxy
