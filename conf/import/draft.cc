#include "conf/import/draft.h"

#include <algorithm>
#include <tuple>

#include "conf/address.h"
#include "conf/units.h"
#include "conf/validate.h"
#include "ring/slots_ring.h"

namespace ringproxy::conf {

namespace {

constexpr uint16_t kMostPortsTried = 100;
constexpr size_t kMostPools = 1000;    // As the option table has it for pools and listeners.
constexpr size_t kLongestNumber = 10;  // With its hyphen, behind a name that is taken.
// A domain of which it is agreed that it never exists.
constexpr std::string_view kUnknownHost = "address-to-be-written-here.invalid";

// `name`, with a number behind it when another one has it.
template <class T>
std::string FreeName(const std::string& name, const std::vector<T>& others, std::string T::*member) {
  std::string candidate = name;
  for (size_t number = 2; std::ranges::find(others, candidate, member) != others.end(); ++number) {
    candidate = name + "-" + std::to_string(number);
  }
  return candidate;
}

}  // namespace

Draft::Draft(std::string file, std::string program)
    : file_(std::move(file)), program_(std::move(program)), source_(file_) {}

void Draft::Fail(const TreeValue& what, std::string message) {
  errors_.push_back({what.file.empty() ? file_ : what.file, what.place.line, what.place.column,
                     what.key.empty() ? "" : PathPart(what.key), std::move(message)});
}

void Draft::Note(const std::string& path, const TreeValue& said) {
  // Rules know of one file alone; they name none for what an included one has said.
  source_.Note(path, said.file.empty() ? said.place : Place{});
}

void Draft::Comment(const std::string& path, std::string text) {
  if (said_.emplace(path, text).second) comments_[path].push_back(std::move(text));
}

void Draft::SayOtherwise(std::string text) {
  if (said_.emplace("", text).second) otherwise_.push_back(std::move(text));
}

bool Draft::IsFull(const TreeValue& next) {
  const bool is_full = std::max(config.pools.size(), config.listeners.size()) >= kMostPools;
  if (is_full && !was_full_) Fail(next, "more than " + std::to_string(kMostPools) + " pools or listeners");
  was_full_ = was_full_ || is_full;
  return is_full;
}

std::string NameLike(const std::string& wanted, const std::string& otherwise) {
  std::string name = wanted.substr(0, Name().most - kLongestNumber);
  for (char& c : name) {
    const unsigned char byte = c;
    if (byte <= 0x20 || byte == 0x7f) c = '_';
  }
  return name.empty() ? otherwise : name;
}

std::string Draft::PoolName(const std::string& wanted, const std::string& otherwise) const {
  return FreeName(NameLike(wanted, otherwise), config.pools, &Pool::name);
}

std::string Draft::ListenerName(const std::string& wanted, const std::string& otherwise) const {
  return FreeName(NameLike(wanted, otherwise), config.listeners, &Listener::name);
}

Listener& Draft::AddListener(const std::string& name, const Address& listen, Protocol protocol, const TreeValue& said) {
  Listener& listener = config.listeners.emplace_back();
  listener.name = name;
  listener.listen = listen;
  listener.protocol = protocol;
  Note(ListenerPath(), said);
  Note(ListenerPath() + ".listen", said);
  return listener;
}

Pool& Draft::AddPool(const std::string& name, Protocol protocol, const TreeValue& said) {
  Pool& pool = config.pools.emplace_back();
  pool.name = name;
  pool.protocol = protocol;
  Note(PathOfPool(name), said);
  return pool;
}

Node& Draft::AddNode(Pool& pool, const std::string& name, const Address& address, const TreeValue& said) {
  const std::string path = PathOfPool(pool.name) + ".nodes[" + std::to_string(pool.nodes.size()) + "]";
  Node& node = pool.nodes.emplace_back();
  node.address = address;
  node.name = name.empty() ? address.ToString() : name;
  Note(path, said);
  if (const auto problem = ReadValue(node.name, Name(), node.name)) Fail(said, problem->text);
  return node;
}

void Draft::AddUnknownNode(Pool& pool, const std::string& name, const TreeValue& said, const std::string& why) {
  const std::string path = PathOfPool(pool.name) + ".nodes[" + std::to_string(pool.nodes.size()) + "]";
  const auto number = static_cast<uint16_t>(pool.nodes.size() % 10000 + 1);
  AddNode(pool, name, {std::string(kUnknownHost), number, ""}, said);
  Comment(path, "TO DO: write the address here. " + why);
  SayOtherwise("TO DO: write the addresses of the nodes of " + pool.name + ". " + why);
}

void Draft::SplitSlots(Pool& pool, const std::string& program) {
  pool.ring.algorithm = ring::Algorithm::kSlots;
  const size_t count = pool.nodes.size();
  for (size_t i = 0; i < count && count <= ring::kSlots; ++i) {
    const size_t first = (i * ring::kSlots + count / 2) / count;
    const size_t after = ((i + 1) * ring::kSlots + count / 2) / count;
    pool.nodes[i].slots = std::to_string(first) + "-" + std::to_string(after - 1);
  }
  Comment(
      PathOfPool(pool.name) + ".nodes",
      "TO DO: leave replicas out, and write the slots that CLUSTER SHARDS says. This is an even split in the order of "
      "the list, as a cluster has it that redis-cli has made of these nodes.");
  SayOtherwise(
      "TO DO: compare the slots of " + pool.name + " with the cluster's. " + program +
      " asks the cluster who owns which slot; here it is written down, and keys of slots that move read MOVED.");
}

void Draft::MoveAdminPort() {
  const auto is_taken = [this] {
    return std::ranges::any_of(config.listeners,
                               [this](const Listener& other) { return Collide(other.listen, config.admin.listen); });
  };
  if (!is_taken()) return;
  Comment("admin.listen", "The default, " + config.admin.listen.ToString() + ", is a listener's.");
  for (uint16_t tries = 0; tries < kMostPortsTried && is_taken(); ++tries) ++config.admin.listen.port;
}

std::string Draft::Head() const {
  std::string head = WrapComment("Made by ringproxy --import from " + file_ + ", " + program_ + ".", "");
  head += WrapComment("Only what differs from the defaults is written; conf/reference.md has all options.", "");
  if (otherwise_.empty()) return head + "\n";
  head += "#\n# What behaves otherwise:\n";
  for (const std::string& line : otherwise_) head += WrapComment("- " + line, "");
  return head + "\n";
}

// The parser's bounds, which are no rules of conf/validate.
void Draft::CheckLengths() {
  const auto check = [this](size_t entries, const Bounds& bounds, const std::string& path) {
    if (const auto problem = CheckEntries(entries, bounds)) source_.Fail(path, problem->text);
  };
  ForEachOption(config, [&](const OptionFacts& row, const auto& value) {
    if constexpr (kIsVector<std::remove_cvref_t<decltype(value)>>)
      check(value.size(), row.bounds, std::string(row.name));
  });
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    check(config.listeners[i].routes.size(), ListOf(1, kMostRoutes), "listeners[" + std::to_string(i) + "].routes");
  }
  for (const Pool& pool : config.pools) {
    ForEachOption(pool, [&](const OptionFacts& row, const auto& value) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::vector<Node>>) {
        check(value.size(), row.bounds, PathOfPool(pool.name) + "." + std::string(row.name));
      }
    });
  }
}

Result<std::string> Draft::Finish() {
  MoveAdminPort();
  // What was not understood would break rules too, in words that are not the file's.
  if (errors_.empty()) CheckLengths();
  if (errors_.empty() && !source_.has_errors()) Validate(config, source_);
  Errors errors = errors_.empty() ? source_.TakeErrors() : errors_;
  // Importers look for options in their own order; an operator reads the file from top to bottom.
  std::ranges::stable_sort(errors, {}, [](const Error& error) { return std::tie(error.line, error.column); });
  if (!errors.empty()) return errors;
  return Head() + PrintChanges(config, comments_);
}

std::optional<Address> ReadAddress(Draft& draft, const TreeValue& where, const std::string& host,
                                   const std::string& port) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
  const Result<Address, Problem> address = ParseAddress((bare_ipv6 ? "[" + host + "]" : host) + ":" + port);
  if (address && address->port > 0) return *address;
  draft.Fail(where, address ? Quote(port) + " is no port" : address.errors().text);
  return std::nullopt;
}

std::optional<Address> ReadUnixPath(Draft& draft, const TreeValue& where, const std::string& path) {
  const Result<Address, Problem> address = ParseAddress("unix:" + path);
  if (address) return *address;
  draft.Fail(where, address.errors().text);
  return std::nullopt;
}

std::optional<std::string> ReadText(Draft& draft, const TreeValue& value) {
  if (value.kind == TreeKind::kText) return value.text;
  draft.Fail(value, "expects a single value");
  return std::nullopt;
}

std::optional<uint64_t> ReadCount(Draft& draft, const TreeValue& value) {
  const std::optional<std::string> text = ReadText(draft, value);
  if (!text) return std::nullopt;
  const Result<uint64_t, Problem> count = ParseCount(*text);
  if (count) return *count;
  draft.Fail(value, count.errors().text);
  return std::nullopt;
}

std::optional<bool> ReadSwitch(Draft& draft, const TreeValue& value) {
  const std::optional<std::string> text = ReadText(draft, value);
  if (!text) return std::nullopt;
  bool is_on = false;
  const auto problem = ReadValue(*text, Switch(), is_on);
  if (!problem) return is_on;
  draft.Fail(value, problem->text);
  return std::nullopt;
}

bool ExpectMap(Draft& draft, const TreeValue& value) {
  if (value.kind == TreeKind::kMap) return true;
  draft.Fail(value, "expects a map");
  return false;
}

bool ExpectList(Draft& draft, const TreeValue& value) {
  if (value.kind == TreeKind::kList) return true;
  draft.Fail(value, "expects a list");
  return false;
}

std::string LineOf(const TreeValue& value) {
  return (value.file.empty() ? "" : value.file + " ") + "line " + std::to_string(value.place.line);
}

}  // namespace ringproxy::conf
