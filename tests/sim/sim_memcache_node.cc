#include "tests/sim/sim_memcache_node.h"

#include <algorithm>
#include <span>
#include <sstream>

#include "tests/sim/sim_base64.h"

namespace ringproxy::sim {
namespace {

constexpr std::string_view kEnd = "\r\n";

// What it was asked for: the first key, or the command where there is none.
std::string_view Asked(const std::vector<std::string>& words) {
  const size_t position = words[0].starts_with("gat") ? 2 : 1;
  return position < words.size() ? words[position] : words[0];
}

}  // namespace

const std::map<std::string_view, SimMemcacheNode::Command>& SimMemcacheNode::Commands() {
  static const std::map<std::string_view, Command> commands = {
      {"add", {&SimMemcacheNode::Store, 4}},       {"cas", {&SimMemcacheNode::Store, 4}},
      {"delete", {&SimMemcacheNode::Change, 0}},   {"gat", {&SimMemcacheNode::Get, 0}},
      {"gats", {&SimMemcacheNode::Get, 0}},        {"get", {&SimMemcacheNode::Get, 0}},
      {"gets", {&SimMemcacheNode::Get, 0}},        {"incr", {&SimMemcacheNode::Change, 0}},
      {"ma", {&SimMemcacheNode::Meta, 0}},         {"md", {&SimMemcacheNode::Meta, 0}},
      {"mg", {&SimMemcacheNode::Meta, 0}},         {"mn", {&SimMemcacheNode::Ping, 0}},
      {"ms", {&SimMemcacheNode::Meta, 2}},         {"set", {&SimMemcacheNode::Store, 4}},
      {"stats", {&SimMemcacheNode::Admin, 0}},     {"touch", {&SimMemcacheNode::Change, 0}},
      {"verbosity", {&SimMemcacheNode::Admin, 0}}, {"version", {&SimMemcacheNode::Admin, 0}},
  };
  return commands;
}

// A line that ends in CR LF may be a reply, whatever it says.
std::string SimMemcacheNode::Nonsense() {
  static constexpr std::string_view kNonsense[] = {"+OK\n", "\x80\x01\n", "VALUE x\r\n", "VA 3\r\nabcde", "\n"};
  return std::string(kNonsense[loop().Random(std::size(kNonsense))]);
}

size_t SimMemcacheNode::AnswerFirst(std::string_view input, Speech* speech, std::string* reply) {
  if (input.front() == wire::kBinaryRequestMagic) return AnswerPacket(input, speech, reply);
  const size_t line_end = input.find(kEnd);
  if (line_end == std::string_view::npos) return 0;
  speech->is_greeted = true;
  std::istringstream line{std::string(input.substr(0, line_end))};
  Words words;
  for (std::string word; line >> word;) words.push_back(word);
  const auto command = words.empty() ? Commands().end() : Commands().find(words[0]);
  if (command == Commands().end()) {
    CountWrongRequest();
    *reply += "ERROR\r\n";
    return line_end + kEnd.size();
  }
  const size_t size_word = command->second.size_word;
  const size_t data = line_end + kEnd.size();
  const size_t data_size = size_word > 0 ? std::stoul(words.at(size_word)) : 0;
  const size_t whole = data + (size_word > 0 ? data_size + kEnd.size() : 0);
  if (input.size() < whole) return 0;
  if (!input.substr(0, whole).ends_with(kEnd)) CountWrongRequest();
  for (const std::string& word : words) {
    if (word == "noreply" || word == "q") CountWrongRequest();
  }
  const bool is_ping = words[0] == "mn";
  if (sickness() && (!is_ping || ShowsToPing(*sickness()))) {
    *reply += "SERVER_ERROR out of memory" + std::string(kAskedFor).append(Asked(words)) + "\r\n";
    if (!is_ping) CountRequest();
    return whole;
  }
  *reply += (this->*command->second.handler)(words, input.substr(data, data_size));
  return whole;
}

// The proxy's own, to see whether the node lives.
std::string SimMemcacheNode::Ping(const Words&, std::string_view) {
  return "MN\r\n";
}

std::string SimMemcacheNode::Admin(const Words& words, std::string_view) {
  CountRequest();
  if (words[0] == "version") return "VERSION 1.6.18\r\n";
  if (words[0] == "verbosity") return "OK\r\n";
  if (words.size() > 1 && words[1] == "reset") return "RESET\r\n";
  return "STAT curr_items " + std::to_string(data_.size()) + "\r\nEND\r\n";
}

std::string SimMemcacheNode::Get(const Words& words, std::string_view) {
  CountRequest();
  std::string out;
  for (size_t i = words[0].starts_with("gat") ? 2 : 1; i < words.size(); ++i) {
    CheckKey(words[i]);
    const auto found = data_.find(words[i]);
    if (found == data_.end()) continue;
    const std::string& value = found->second.value;
    out += "VALUE " + words[i] + " 0 " + std::to_string(value.size());
    if (words[0].back() == 's') out += " " + GiveToken(words[i]);
    out += "\r\n" + value + "\r\n";
  }
  return out + "END\r\n";
}

std::string SimMemcacheNode::Store(const Words& words, std::string_view data) {
  CountRequest();
  const std::string& key = words.at(1);
  CheckKey(key);
  if (words[0] == "add" && data_.contains(key)) return "NOT_STORED\r\n";
  if (words[0] == "cas") {
    const Match match = Compare(key, words.at(5));
    if (match != Match::kSame) return match == Match::kMissing ? "NOT_FOUND\r\n" : "EXISTS\r\n";
  }
  Put(key, data);
  return "STORED\r\n";
}

std::string SimMemcacheNode::Change(const Words& words, std::string_view) {
  CountRequest();
  const std::string& key = words.at(1);
  CheckKey(key);
  if (!data_.contains(key)) return "NOT_FOUND\r\n";
  if (words[0] == "touch") return "TOUCHED\r\n";
  if (words[0] == "incr") return Add(key, std::stoull(words.at(2))) + "\r\n";
  data_.erase(key);
  return "DELETED\r\n";
}

std::string SimMemcacheNode::Add(const std::string& key, uint64_t delta) {
  Put(key, std::to_string(std::stoull(data_.at(key).value) + delta));
  return data_.at(key).value;
}

SimMemcacheNode::Match SimMemcacheNode::Compare(const std::string& key, const std::string& token) {
  const bool own = given_tokens_[key].contains(token);
  if (!own && !sees_others_tokens_) CountWrongRequest();
  const auto found = data_.find(key);
  if (found == data_.end()) return Match::kMissing;
  const bool same = std::to_string(found->second.cas) == token;
  if (same && !own) CountWrongRequest();
  return same ? Match::kSame : Match::kOther;
}

std::string SimMemcacheNode::GiveToken(const std::string& key) {
  const std::string token = std::to_string(data_.at(key).cas);
  given_tokens_[key].insert(token);
  return token;
}

std::string SimMemcacheNode::Meta(const Words& words, std::string_view data) {
  CountRequest();
  const size_t first_flag = words[0] == "ms" ? 3 : 2;
  const std::span flags(words.begin() + static_cast<ptrdiff_t>(first_flag), words.end());
  const bool in_base64 = std::ranges::find(flags, "b") != flags.end();
  const std::string key = in_base64 ? DecodeBase64(words.at(1)) : words.at(1);
  CheckKey(key);
  std::string code = CarryOut(words, key, data);
  const auto item = data_.find(key);
  std::string returned;
  bool wants_value = false;
  for (const std::string& flag : flags) {
    wants_value |= flag == "v";
    if (flag == "k") returned += " k" + words[1] + (in_base64 ? " b" : "");
    // A token for what was carried out, else 0, which is nobody's.
    if (flag == "c") returned += " c" + (code == "HD" || code == "VA" ? GiveToken(key) : "0");
    if (flag.front() == 'O') returned += " " + flag;
  }
  if (code != "VA") return code + returned + "\r\n";
  if (!wants_value) return "HD" + returned + "\r\n";
  const std::string& value = item->second.value;
  return "VA " + std::to_string(value.size()) + returned + "\r\n" + value + "\r\n";
}

std::string SimMemcacheNode::CarryOut(const Words& words, const std::string& key, std::string_view data) {
  const bool exists = data_.contains(key);
  if (words[0] == "mg") return exists ? "VA" : "EN";
  if (words[0] == "ms") {
    const auto token = std::ranges::find_if(words.begin() + 3, words.end(), [](auto& w) { return w.front() == 'C'; });
    const Match match = token != words.end() ? Compare(key, token->substr(1)) : Match::kSame;
    if (match != Match::kSame) return match == Match::kMissing ? "NF" : "EX";
    Put(key, data);
    return "HD";
  }
  if (!exists) return "NF";
  if (words[0] == "ma") {
    Add(key, 1);
    return "VA";
  }
  data_.erase(key);
  return "HD";
}

}  // namespace ringproxy::sim
