#include "tests/sim/sim_lists.h"

#include <algorithm>

#include "backends/wire/resp_encode.h"

namespace ringproxy::sim {

size_t SimLists::Push(const ListKey& key, std::string_view element, ListEnd end) {
  std::deque<std::string>& list = lists_[key];
  end == ListEnd::kLeft ? list.emplace_front(element) : list.emplace_back(element);
  // What was popped and comes again is given back.
  if (taken_.erase(std::string(element)) == 0) pushed_.emplace_back(element);
  const size_t size = list.size();
  Serve();
  return size;
}

void SimLists::Serve() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    std::string reply = Pop(at->second);
    if (reply.empty()) {
      ++at;
      continue;
    }
    const uint64_t connection = at->second.connection;
    at = waiting_.erase(at);
    tell_(connection, std::move(reply));
  }
}

std::string SimLists::Pop(const WaitingConnection& wanted) {
  for (const std::string& key : wanted.keys) {
    const auto found = lists_.find({wanted.database, key});
    if (found == lists_.end() || found->second.empty()) continue;
    std::deque<std::string>& list = found->second;
    std::string reply;
    wire::AppendArrayHeader(2, &reply);
    wire::AppendBulk(key, &reply);
    const std::string& element = wanted.end == ListEnd::kLeft ? list.front() : list.back();
    wire::AppendBulk(element, &reply);
    taken_[element] = clock_.now();
    wanted.end == ListEnd::kLeft ? list.pop_front() : list.pop_back();
    return reply;
  }
  return {};
}

uint64_t SimLists::Wait(WaitingConnection waiting) {
  waiting_.emplace(++last_, std::move(waiting));
  return last_;
}

void SimLists::EndWait(uint64_t number) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;
  const WaitingConnection waiting = std::move(found->second);
  waiting_.erase(found);
  tell_(waiting.connection, Nil(waiting.protocol));
}

bool SimLists::Unblock(uint64_t connection) {
  const auto found =
      std::ranges::find_if(waiting_, [&](const auto& waiting) { return waiting.second.connection == connection; });
  if (found == waiting_.end()) return false;
  EndWait(found->first);
  return true;
}

void SimLists::Forget(uint64_t connection) {
  std::erase_if(waiting_, [&](const auto& waiting) { return waiting.second.connection == connection; });
}

void SimLists::ForEachElement(const std::function<void(const std::string&)>& visit) const {
  for (const auto& [key, list] : lists_) std::ranges::for_each(list, visit);
}

}  // namespace ringproxy::sim
