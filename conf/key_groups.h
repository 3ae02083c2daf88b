// conf/key_groups.h – Keys that belong together though no braces say so: the groups of a pool.
//
// Purpose: frameworks have names like bull:mail:wait and bull:mail:active for what one script or transaction needs on
// one node. A group gives the keys that fit its pattern a hash tag: what the pattern's {*} stands for, or a constant
// one. In a pattern a * stands for any text: the shortest that lets the rest fit, and the last one for all up to the
// end of the pattern. A group whose {*} would stand for nothing does not fit. Threads: immutable once made. Promise: a
// ready-made set never changes for the keys that it has; it would move them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace ringproxy::conf {

class KeyGroups {
 public:
  KeyGroups() = default;
  // Requires: WhyNoGroup says nothing of any.
  explicit KeyGroups(const std::vector<KeyGroup>& groups);

  bool empty() const { return rules_.empty(); }
  // Of the first group that fits the key; empty if none does. A view of the key or of this.
  std::string_view TagOf(std::string_view key) const;

 private:
  // What a pattern cannot say.
  using Check = bool (*)(std::string_view key);
  struct GroupRule {
    std::vector<std::string> literals;    // Around and between the stars.
    std::optional<size_t> tag_star = {};  // Which star the tag is.
    std::string tag = {};                 // If it is none.
    Check check = nullptr;
  };

  static GroupRule MakeRule(std::string_view pattern, std::string_view tag, Check check);
  static std::string_view TagBy(const GroupRule& rule, std::string_view key);

  std::vector<GroupRule> rules_;
};

// What is wrong with it: "pattern is empty". Nothing: it is sound.
std::optional<std::string> WhyNoGroup(const KeyGroup& group);

}  // namespace ringproxy::conf
