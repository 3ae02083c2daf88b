#include "proxy/route/script_texts.h"

#include <algorithm>
#include <iterator>

namespace ringproxy::proxy {

ScriptTexts::Script* ScriptTexts::Propose(uint64_t scope, std::string_view sha, ScriptText text,
                                          const backends::Lane& lane) {
  if (Script* const known = Find(scope, sha)) return known;
  if (!MayHold(text->size())) return nullptr;
  MakeRoom(CostOf(text->size()));
  text_bytes_ += text->size();
  scripts_.push_front({scope, std::string(sha), std::move(text), std::vector<LoadMark>(nodes_), lane.number});
  index_.emplace(ScriptKey{scope, sha}, scripts_.begin());
  return &scripts_.front();
}

void ScriptTexts::Learn(uint64_t scope, std::string_view sha, ScriptText text) {
  if (Script* const script = Propose(scope, sha, std::move(text), {})) script->proposed_by.reset();
}

void ScriptTexts::Withdraw(uint64_t scope, std::string_view sha) {
  const auto found = index_.find({scope, std::string(sha)});
  if (found != index_.end() && found->second->proposed_by) Drop(found->second);
}

bool ScriptTexts::Knows(uint64_t scope, std::string_view sha) const {
  const auto found = index_.find({scope, std::string(sha)});
  return found != index_.end() && !found->second->proposed_by;
}

ScriptTexts::Script* ScriptTexts::Find(uint64_t scope, std::string_view sha) {
  const auto found = index_.find({scope, std::string(sha)});
  if (found == index_.end()) return nullptr;
  scripts_.splice(scripts_.begin(), scripts_, found->second);
  return &scripts_.front();
}

void ScriptTexts::Forget(std::span<const uint64_t> scopes) {
  for (const uint64_t scope : scopes) {
    // Those of other scopes are not looked at: a client that flushes again and again shall not pay with everybody's
    // time.
    for (auto at = index_.lower_bound({scope, {}}); at != index_.end() && at->first.first == scope;)
      Drop((at++)->second);
  }
}

void ScriptTexts::ResetMarks(size_t nodes) {
  nodes_ = nodes;
  MakeRoom(0);
  for (Script& script : scripts_) std::vector<LoadMark>(nodes).swap(script.marks);
}

void ScriptTexts::Drop(Scripts::iterator script) {
  text_bytes_ -= script->text->size();
  index_.erase({script->scope, script->sha});
  scripts_.erase(script);
}

void ScriptTexts::MakeRoom(size_t more) {
  while (!scripts_.empty() && bytes() + more > most_bytes_) Drop(std::prev(scripts_.end()));
}

}  // namespace ringproxy::proxy
