#include "tests/sim/sim_memcache_node.h"

#include <sstream>

namespace ringproxy::sim {
namespace {

// Where the size of the data block stands in a line, 0 if there is none.
size_t SizeWord(const std::string& command) {
  if (command == "ms") return 2;
  return command == "set" || command == "cas" ? 4 : 0;
}

}  // namespace

size_t SimMemcacheNode::AnswerFirst(std::string_view input, std::string* reply) {
  const size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return 0;
  std::istringstream line{std::string(input.substr(0, end))};
  Words words;
  for (std::string word; line >> word;) words.push_back(word);
  const size_t size_word = SizeWord(words.at(0));
  const size_t data = size_word > 0 ? std::stoul(words.at(size_word)) : 0;
  const size_t whole = end + 2 + (size_word > 0 ? data + 2 : 0);
  if (input.size() < whole) return 0;
  for (const std::string& word : words) {
    if (word == "noreply" || word == "q") CountWrongRequest();
  }
  if (words[0] != "mn") CountRequest();
  const std::string_view block = input.substr(end + 2, data);
  if (words[0] == "mn") {
    *reply += "MN\r\n";
  } else if (words[0].size() == 2) {
    *reply += AnswerMeta(words, block);
  } else if (words[0] == "set") {
    CheckKey(words[1]);
    *reply += Store(words[1], block);
  } else if (words[0] == "cas") {
    CheckKey(words[1]);
    const auto item = data_.find(words[1]);
    const bool same = item != data_.end() && std::to_string(item->second.cas) == words.at(5);
    *reply += item == data_.end() ? "NOT_FOUND\r\n" : same ? Store(words[1], block) : "EXISTS\r\n";
  } else {
    *reply += AnswerLine(words);
  }
  return whole;
}

std::string SimMemcacheNode::Store(const std::string& key, std::string_view data) {
  data_[key] = {std::string(data), next_cas_++};
  return "STORED\r\n";
}

std::string SimMemcacheNode::AnswerLine(const Words& words) {
  if (words[0] == "get" || words[0] == "gets") return AnswerGet(words);
  if (words[0] == "flush_all") {
    data_.clear();
    return "OK\r\n";
  }
  CheckKey(words.at(1));
  if (words[0] == "delete") return data_.erase(words[1]) > 0 ? "DELETED\r\n" : "NOT_FOUND\r\n";
  if (words[0] == "touch") return data_.contains(words[1]) ? "TOUCHED\r\n" : "NOT_FOUND\r\n";
  return "ERROR\r\n";
}

std::string SimMemcacheNode::AnswerGet(const Words& words) {
  std::string out;
  for (size_t i = 1; i < words.size(); ++i) {
    CheckKey(words[i]);
    const auto found = data_.find(words[i]);
    if (found == data_.end()) continue;
    const Item& item = found->second;
    out += "VALUE " + words[i] + " 0 " + std::to_string(item.value.size());
    if (words[0] == "gets") out += " " + std::to_string(item.cas);
    out += "\r\n" + item.value + "\r\n";
  }
  return out + "END\r\n";
}

std::string SimMemcacheNode::AnswerMeta(const Words& words, std::string_view data) {
  CheckKey(words.at(1));
  if (words[0] == "ms") Store(words[1], data);
  const auto found = data_.find(words[1]);
  bool wants_value = false;
  std::string flags;
  for (size_t i = words[0] == "ms" ? 3 : 2; i < words.size(); ++i) {
    if (words[i] == "v") wants_value = true;
    if (words[i] == "k") flags += " k" + words[1];
    if (words[i] == "c" && found != data_.end()) flags += " c" + std::to_string(found->second.cas);
    if (words[i].front() == 'O') flags += " " + words[i];
  }
  if (words[0] == "md") return (data_.erase(words[1]) > 0 ? "HD" : "NF") + flags + "\r\n";
  if (found == data_.end()) return "EN" + flags + "\r\n";
  if (!wants_value) return "HD" + flags + "\r\n";
  return "VA " + std::to_string(found->second.value.size()) + flags + "\r\n" + found->second.value + "\r\n";
}

}  // namespace ringproxy::sim
