#include "backends/wire/memcache_request.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "backends/wire/ascii.h"
#include "backends/wire/base64.h"
#include "backends/wire/integer.h"
#include "backends/wire/memcache_binary.h"
#include "backends/wire/meta_flags.h"

namespace ringproxy::wire {
namespace {

constexpr std::string_view kNoreply = "noreply";
constexpr std::string_view kDataEnd = "\r\n";
// memcached 1.6 takes so many flags of `ms`; with more it would not know that a data block follows.
constexpr size_t kMostSetFlags = 16;
// memcached keeps the size of a data block in an int, its line end included.
constexpr uint64_t kMostData = INT32_MAX - kDataEnd.size();
// Nobody sends so much, so what follows a larger size is no data block.
constexpr uint64_t kMostSwallowed = 1ULL << 48;

// memcached reads a get or gets of any length, but closes on other long lines.
bool StartsRetrieval(std::string_view bytes) {
  bytes.remove_prefix(std::min(bytes.find_first_not_of(' '), bytes.size()));
  return HasPrefix(bytes, "get ") || HasPrefix(bytes, "gets ");
}

// The error has the words of the command, and `line` where the command has more than one text; empty: the usual one.
std::string_view FlagError(std::string_view command, std::string_view line) {
  if (command == "me") return {};
  return command == "md" || command == "ma" ? "CLIENT_ERROR invalid or duplicate flag" : line;
}

bool IsNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, IsDigit);
}

// Which of the subcommands of `spec` the line names: itself where no word says which, and nullptr where nobody knows
// it.
const MemcacheSpec* FindSubcommand(const MemcacheSpec* spec, const MemcacheLine& line) {
  std::string name(spec->command.name);
  for (size_t word = 1; spec->has_subcommands && word < line.size(); ++word) {
    const MemcacheSpec* const found = FindMemcacheCommand(name.append("|").append(line[word]));
    // What is not known of stats is refused, since nobody can say how the nodes' answers become one (semantics.md 26).
    if (found == nullptr) return spec->usage.empty() ? nullptr : spec;
    spec = found;
  }
  return spec;
}

// Of a command for those who administer nodes; empty: it is not refused.
std::string AdminRefusal(const MemcacheSpec& spec, bool admin_commands) {
  if (!spec.usage.empty()) return std::string(spec.usage);
  const std::string_view why = RefusalOf(spec.command, {}, {.admin_commands = admin_commands});
  if (why.empty()) return {};
  std::string line = "CLIENT_ERROR ";
  line.append(spec.command.name).append(" is not supported by ringproxy: ").append(why);
  std::ranges::replace(line, '|', ' ');
  return line;
}

}  // namespace

MemcacheParser::MemcacheStatus MemcacheParser::Parse(std::string_view bytes, Progress* progress) {
  // A value that comes in many pieces is not looked at for each of them.
  if (bytes.size() < progress->needed) return MemcacheStatus::kNeedMore;
  const size_t line_end = bytes.find('\n', progress->scanned);
  const size_t line_size = std::min(line_end, bytes.size());
  // The bound holds whether or not the line's end is here: how the bytes were cut must not matter (semantics.md 29).
  if (line_size > limits_.inline_bytes &&
      (line_size > limits_.request_bytes || !StartsRetrieval(bytes.substr(0, limits_.inline_bytes)))) {
    *progress = {};
    spec_ = nullptr;
    quiet_ = Quiet::kNone;
    Refuse(ErrorCode::kProtocol);
    return MemcacheStatus::kBad;
  }
  if (line_end == std::string_view::npos) {
    *progress = {bytes.size(), bytes.size() + 1};
    return MemcacheStatus::kNeedMore;
  }
  const MemcacheStatus status = ReadLine(bytes, line_end);
  *progress = status == MemcacheStatus::kNeedMore ? Progress{line_end, needed_} : Progress{};
  return status;
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadLine(std::string_view bytes, size_t line_end) {
  size_ = line_end + 1;
  spec_ = nullptr;
  quiet_ = Quiet::kNone;
  cas_ = CasPlace::kNone;
  unwanted_ = {};
  routing_key_ = {};
  std::string_view line = bytes.substr(0, line_end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  // A NUL would end the line for the node, and only for the node.
  if (!line_.Split(line) || line.find('\0') != std::string_view::npos) return Refuse(ErrorCode::kUnknownCommand);
  spec_ = FindMemcacheCommand(line_[0]);
  if (spec_ == nullptr) {
    Refuse(ErrorCode::kUnknownCommand);
    if (!line_[line_.size() - 1].starts_with("HTTP/")) return MemcacheStatus::kRefused;
    // Somebody has a browser say what stands in the lines behind it. As by memcached, it is closed without a word.
    reply_.clear();
    return MemcacheStatus::kBad;
  }
  if (spec_->has_subcommands) spec_ = FindSubcommand(spec_, line_);
  if (spec_ == nullptr) return Refuse(ErrorCode::kUnknownCommand);
  if (spec_->syntax == MemcacheSyntax::kStorage || spec_->syntax == MemcacheSyntax::kPlain) TakeNoreply();
  if (spec_->command.access == Access::kAdmin) {
    const std::string refusal = AdminRefusal(*spec_, admin_commands_);
    if (!refusal.empty()) return Refuse(ErrorCode::kNotSupported, refusal);
  }
  const size_t words = line_.size() + (unwanted_.size > 0 ? 1 : 0);
  const bool too_many = spec_->most_words > 0 && words > spec_->most_words;
  if (words < static_cast<size_t>(std::abs(spec_->command.arity)) || too_many) {
    // A client that says noreply in the wrong place is told so, as memcached does.
    quiet_ = Quiet::kNone;
    return Refuse(ErrorCode::kWrongArity);
  }
  switch (spec_->syntax) {
    case MemcacheSyntax::kPlain: return ReadPlain();
    case MemcacheSyntax::kKeys: return ReadKeys();
    case MemcacheSyntax::kStorage: return ReadStorage(bytes);
    case MemcacheSyntax::kMeta:
    case MemcacheSyntax::kMetaSet: return ReadMeta(bytes);
  }
  return MemcacheStatus::kBad;
}

void MemcacheParser::TakeNoreply() {
  // memcached, too, looks at the last word alone.
  if (spec_->quiet != Quiet::kAll || line_.size() < 2 || line_[line_.size() - 1] != kNoreply) return;
  quiet_ = Quiet::kAll;
  unwanted_ = line_.PlaceOf(line_.size() - 1);
  line_.DropLast();
}

MemcacheParser::MemcacheStatus MemcacheParser::Refuse(ErrorCode code, std::string_view line, uint64_t swallow) {
  error_ = code;
  swallow_ = swallow;
  reply_.clear();
  // Only meta commands show an error in what was asked quietly.
  if (quiet_ == Quiet::kAll) return MemcacheStatus::kRefused;
  if (line.empty()) {
    AppendMemcacheError(code, &reply_);
  } else {
    reply_.append(line).append(kDataEnd);
  }
  return MemcacheStatus::kRefused;
}

MemcacheParser::MemcacheStatus MemcacheParser::Accept() {
  // Spaces before the line are left out: they may be many.
  const std::string_view encoded(line_.text().data(), size_ - line_.indent());
  request_ = Request(encoded, line_.words());
  return MemcacheStatus::kRequest;
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadPlain() {
  // Words that memcached ignores may make a line longer than it reads at once.
  if (line_.text().size() > kLongestMemcacheLine) return Refuse(ErrorCode::kSyntax);
  if (spec_->command.keys.kind == KeyKind::kOne) {
    if (line_.size() == 1) return Refuse(ErrorCode::kWrongArity);  // `delete noreply`
    routing_key_ = line_[1];
    if (routing_key_.size() > kLongestMemcacheKey) return Refuse(ErrorCode::kKeyTooLong);
  }
  return Accept();
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadKeys() {
  if (line_.size() > limits_.arguments) return Refuse(ErrorCode::kSyntax);
  const auto first = static_cast<size_t>(spec_->command.keys.first);
  for (size_t i = first; i < line_.size(); ++i) {
    if (line_.SizeOf(i) > kLongestMemcacheKey) return Refuse(ErrorCode::kKeyTooLong);
  }
  // A sign and ten digits: more only makes a get longer than its keys.
  constexpr size_t kLongestExptime = 11;
  if (first > 1 && (line_.SizeOf(1) > kLongestExptime || !ParseMemcacheNumber<int32_t>(line_[1]))) {
    return Refuse(ErrorCode::kSyntax, "CLIENT_ERROR invalid exptime argument");
  }
  cas_ = spec_->cas;
  return Accept();
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadStorage(std::string_view bytes) {
  constexpr size_t kKey = 1, kFlags = 2, kExptime = 3, kBytes = 4, kCas = 5;
  const bool has_cas = spec_->cas == CasPlace::kArgument;
  // With noreply in the place of the size or the token, no data block can be told from the next line.
  if (line_.size() <= (has_cas ? kCas : kBytes)) return Refuse(ErrorCode::kSyntax);
  uint64_t data = 0;
  if (const MemcacheStatus status = ReadSize(line_[kBytes], &data); status != MemcacheStatus::kRequest) return status;
  // What a node may refuse before it reads the block is refused here, so that the block is swallowed in any case.
  const bool sound = line_.SizeOf(kKey) <= kLongestMemcacheKey && ParseMemcacheNumber<uint32_t>(line_[kFlags]) &&
                     ParseMemcacheNumber<int32_t>(line_[kExptime]) &&
                     (!has_cas || ParseMemcacheNumber<uint64_t>(line_[kCas])) &&
                     line_.text().size() <= kLongestMemcacheLine;
  if (!sound) return Refuse(ErrorCode::kSyntax, {}, data + kDataEnd.size());
  routing_key_ = line_[kKey];
  cas_ = spec_->cas;
  return ReadData(bytes, data);
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadSize(std::string_view word, uint64_t* data) {
  // As for memcached, what follows a line without a size is the next line.
  if (!IsNumber(word)) return Refuse(ErrorCode::kSyntax);
  const std::optional<uint64_t> size = ParseMemcacheNumber<uint64_t>(word);
  if (!size || *size > kMostSwallowed) {
    Refuse(ErrorCode::kSyntax);
    return MemcacheStatus::kBad;
  }
  *data = *size;
  return MemcacheStatus::kRequest;
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadData(std::string_view bytes, uint64_t data) {
  const size_t line_bytes = size_;
  if (data > std::min(limits_.bulk_bytes, kMostData) || line_bytes + data > limits_.request_bytes) {
    return Refuse(ErrorCode::kTooLarge, {}, data + kDataEnd.size());
  }
  const size_t end = line_bytes + data + kDataEnd.size();
  if (bytes.size() < end) {
    needed_ = end;
    return MemcacheStatus::kNeedMore;
  }
  size_ = end;
  if (bytes.substr(end - kDataEnd.size(), kDataEnd.size()) != kDataEnd) {
    // The next request begins behind the announced size all the same.
    return Refuse(ErrorCode::kSyntax, "CLIENT_ERROR bad data chunk");
  }
  return Accept();
}

MemcacheParser::MemcacheStatus MemcacheParser::ReadMeta(std::string_view bytes) {
  const size_t first_flag = spec_->syntax == MemcacheSyntax::kMetaSet ? 3 : 2;
  if (line_.size() < first_flag) return Refuse(ErrorCode::kSyntax);
  if (spec_->syntax == MemcacheSyntax::kMeta) {
    if (line_.SizeOf(1) > kLongestMemcacheKey || line_.text().size() > kLongestMemcacheLine)
      return Refuse(ErrorCode::kSyntax);
    const MemcacheStatus status = HeedMetaFlags(first_flag);
    return status == MemcacheStatus::kRequest ? Accept() : status;
  }
  uint64_t data = 0;
  if (const MemcacheStatus status = ReadSize(line_[2], &data); status != MemcacheStatus::kRequest) return status;
  const uint64_t block = data + kDataEnd.size();
  if (line_.SizeOf(1) > kLongestMemcacheKey || line_.text().size() > kLongestMemcacheLine) {
    return Refuse(ErrorCode::kSyntax, {}, block);
  }
  if (line_.size() - first_flag > kMostSetFlags)
    return Refuse(ErrorCode::kSyntax, "CLIENT_ERROR options flags too long", block);
  const MemcacheStatus status = HeedMetaFlags(first_flag);
  if (status != MemcacheStatus::kRequest) {
    swallow_ = block;
    return status;
  }
  return ReadData(bytes, data);
}

MemcacheParser::MemcacheStatus MemcacheParser::HeedMetaFlags(size_t first_flag) {
  const std::string_view name = spec_->command.name;
  routing_key_ = line_[1];
  const MetaFlags flags = ReadMetaFlags(line_, first_flag);
  if (flags.has_cas) cas_ = spec_->cas;
  if (flags.quiet > 0) {
    unwanted_ = line_.PlaceOf(flags.quiet);
    quiet_ = spec_->quiet;
  }
  // Only one of them is taken out, and a node must not see any.
  if (flags.quiet_twice) return Refuse(ErrorCode::kSyntax, FlagError(name, "CLIENT_ERROR duplicate flag"));
  if (!flags.base64) return MemcacheStatus::kRequest;
  if (!DecodeBase64(routing_key_, &decoded_key_)) {
    return Refuse(ErrorCode::kSyntax, FlagError(name, "CLIENT_ERROR error decoding key"));
  }
  routing_key_ = decoded_key_;
  // memcached 1.6.18 returns such a key as it is, and could be made to say what looks like other clients' replies.
  const bool wants_key = flags.wants_key || name == "me";
  if (wants_key && decoded_key_.find_first_of("\r\n") != std::string::npos) {
    return Refuse(ErrorCode::kSyntax, "CLIENT_ERROR a key with line ends cannot be returned");
  }
  return MemcacheStatus::kRequest;
}

bool IsUnwanted(Quiet quiet, std::string_view reply) {
  // Servers before 1.6.10 say OK, and so do some later ones that are told to (meta_response_old).
  const auto is_done = [&] { return HasPrefix(reply, "HD") || HasPrefix(reply, "OK"); };
  switch (quiet) {
    case Quiet::kNone: return false;
    case Quiet::kAll: return true;
    case Quiet::kMiss: return HasPrefix(reply, "EN");
    case Quiet::kDone: return is_done();
    case Quiet::kDoneAndValues: return is_done() || HasPrefix(reply, "VA ");
    case Quiet::kBinary: return false;
    case Quiet::kBinaryMiss: return HasBinaryStatus(reply, BinaryStatus::kNotFound);
    case Quiet::kBinaryDone: return HasBinaryStatus(reply, BinaryStatus::kSuccess);
  }
  return false;
}

}  // namespace ringproxy::wire
