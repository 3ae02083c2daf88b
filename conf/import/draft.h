// conf/import/draft.h – A configuration that is being made from another program's file.
//
// Purpose: what all importers share. They set options, say where a value came from, and leave a comment at each thing
// that has no counterpart; the end is either a file that --check accepts, or every mistake with its line.
// Lifetime: one per imported file. Threads: one.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "conf/option_table.h"
#include "conf/parse_tree.h"
#include "conf/print.h"
#include "conf/quote.h"
#include "conf/source.h"
#include "conf/values.h"

namespace ringproxy::conf {

// Of one listener, as the option table has it.
inline constexpr size_t kMostRoutes = 1000;

class Draft {
 public:
  // `file` is the name that errors show, `program` whose file it is.
  Draft(std::string file, std::string program);

  Config config;

  // The option `path` says what `said` has said, so that what is wrong with it is told with that line.
  void Note(const std::string& path, const TreeValue& said);
  // What stood at `what` is wrong.
  void Fail(const TreeValue& what, std::string message);
  // Stands before the option `path`, or where it would stand.
  void Comment(const std::string& path, std::string text);
  // What behaves otherwise, for the head of the file; what has been said is not said again.
  void SayOtherwise(std::string text);

  // Whether there is no room for one more pool or listener, which is a mistake then: a file of millions ends early.
  bool IsFull(const TreeValue& next);

  // Sets an option of the section at `path`, which has to be in the option table. Beyond its bounds the nearest one is
  // taken, and a comment says so; `said` is what the file has: "timeout: 90000".
  template <class S, class T>
  void Set(S& section, T S::*member, const std::string& path, std::type_identity_t<T> value, const std::string& said) {
    ForEachRow<S>([&](const auto& row) {
      if constexpr (std::is_same_v<decltype(row.member), T S::*>) {
        if (row.member == member)
          SetRow(row, section.*member, (path.empty() ? "" : path + ".") + std::string(row.name), value, said);
      }
    });
  }

  // NameLike, and no pool (listener) has it yet.
  std::string PoolName(const std::string& wanted, const std::string& otherwise) const;
  std::string ListenerName(const std::string& wanted, const std::string& otherwise) const;
  // At the end of the list, where ListenerPath() is its path; without routes.
  Listener& AddListener(const std::string& name, const Address& listen, Protocol protocol, const TreeValue& said);
  std::string ListenerPath() const { return "listeners[" + std::to_string(config.listeners.size() - 1) + "]"; }
  Pool& AddPool(const std::string& name, Protocol protocol, const TreeValue& said);
  // Without a name it has its address as its name.
  Node& AddNode(Pool& pool, const std::string& name, const Address& address, const TreeValue& said);
  // For a node of which the file does not say where it is: an address that never exists, and a comment that asks for
  // it.
  void AddUnknownNode(Pool& pool, const std::string& name, const TreeValue& said, const std::string& why);
  // A ring of slots, evenly split in the order of the nodes; `program` asks a Redis Cluster about its slots.
  void SplitSlots(Pool& pool, const std::string& program);
  static std::string PathOfPool(const std::string& name) { return "pools." + PathPart(name); }

  // The text of the file, or all that is wrong.
  Result<std::string> Finish();

 private:
  template <class T>
  void SetRow(const OptionFacts& row, T& option, const std::string& path, T value, const std::string& said) {
    option = value;
    const uint64_t amount = Amount(value);
    const bool zero_has_a_word = amount == 0 && !row.bounds.word_for_zero.empty();
    if (zero_has_a_word || (amount >= row.bounds.least && amount <= row.bounds.most)) return;
    option = T(static_cast<decltype(Count(value))>(amount < row.bounds.least ? row.bounds.least : row.bounds.most));
    Comment(path, said + " lies beyond what " + std::string(row.name) + " may be, " + DescribeBounds(row.bounds));
  }
  static uint64_t Count(uint64_t value) { return value; }
  static uint32_t Count(uint32_t value) { return value; }
  static int64_t Count(microseconds value) { return value.count(); }
  template <class T>
  static uint64_t Amount(T value) {
    return static_cast<uint64_t>(Count(value));
  }

  // The admin port's default may be where a listener is.
  void MoveAdminPort();
  void CheckLengths();
  std::string Head() const;

  std::string file_, program_;
  Source source_;
  Errors errors_;
  Comments comments_;
  std::vector<std::string> otherwise_;
  std::set<std::pair<std::string, std::string>> said_;  // Path and text.
  bool was_full_ = false;
};

// A name that is like `wanted` and may be one of ours; `otherwise` where nothing is left of it.
std::string NameLike(const std::string& wanted, const std::string& otherwise);
// HOST and PORT of a server or listener, whatever brackets the host has; what is wrong goes to `draft`.
std::optional<Address> ReadAddress(Draft& draft, const TreeValue& where, const std::string& host,
                                   const std::string& port);
std::optional<Address> ReadUnixPath(Draft& draft, const TreeValue& where, const std::string& path);
// The text of `value`; fails when it is none.
std::optional<std::string> ReadText(Draft& draft, const TreeValue& value);
std::optional<uint64_t> ReadCount(Draft& draft, const TreeValue& value);
std::optional<bool> ReadSwitch(Draft& draft, const TreeValue& value);
// Whether `value` is a map (list); fails when it is not.
bool ExpectMap(Draft& draft, const TreeValue& value);
bool ExpectList(Draft& draft, const TreeValue& value);

// "line 12", for comments.
std::string LineOf(const TreeValue& value);

}  // namespace ringproxy::conf
