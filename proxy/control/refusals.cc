#include "proxy/control/refusals.h"

#include <algorithm>
#include <utility>

namespace ringproxy::proxy {
namespace {

uint64_t Total(AllStats workers) {
  uint64_t total = 0;
  for (const auto& worker : workers) {
    for (const ListenerStats& listener : worker->listeners) total += listener.refusals.total();
  }
  return total;
}

}  // namespace

void ForEachRefusal(conf::Protocol protocol, uint32_t listener, AllStats workers,
                    const std::function<void(const Refusal&)>& visit) {
  const size_t commands = CommandCount(protocol);
  for (size_t c = 0; c <= commands; ++c) {
    for (size_t r = 0; r < RefusalStats::kReasons; ++r) {
      uint64_t count = 0;
      for (const auto& worker : workers) count += worker->listeners[listener].refusals.value(c, r);
      // Commands times reasons are thousands of pairs, most of which never occur.
      if (count > 0) visit({c < commands ? CommandAt(protocol, c).name : "other", kRefusalReasons[r], count});
    }
  }
}

std::vector<std::string> RefusalLog::Lines(net::TimePoint now) {
  std::vector<std::string> lines;
  const uint64_t total = Total(workers_);
  // In most seconds nothing new is refused, and then nobody walks through all commands and reasons of all workers.
  if (total == total_ && now < wake_) return lines;
  total_ = total;
  wake_ = net::TimePoint::max();
  std::map<std::string_view, std::string> parts;  // By command.
  for (uint32_t l = 0; l < listeners_.size(); ++l) {
    const conf::Listener& listener = listeners_[l];
    ForEachRefusal(listener.protocol, l, workers_, [&](const Refusal& refusal) {
      Said& said = said_.try_emplace(std::string(refusal.command)).first->second;
      uint64_t& known = said.counts[{l, refusal.reason}];
      if (refusal.count == known) return;
      // The command had its line less than a minute ago. What has come since is not lost: it is said when its time
      // comes.
      if (now < said.next) {
        wake_ = std::min(wake_, said.next);
        return;
      }
      const uint64_t more = refusal.count - std::exchange(known, refusal.count);
      std::string& part = parts[refusal.command];
      if (!part.empty()) part += ", ";
      part += std::to_string(more) + " at listener " + listener.name + " (" +
              std::string(wire::ErrorName(refusal.reason)) + ")";
    });
  }
  for (const auto& [command, part] : parts) {
    said_.find(command)->second.next = now + kInterval;
    const std::string name = command == "other" ? "unknown commands" : "'" + std::string(command) + "'";
    lines.push_back("refused " + name + ": " + part);
  }
  return lines;
}

}  // namespace ringproxy::proxy
