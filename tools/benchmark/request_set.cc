// tools/benchmark/request_set.cc – see request_set.h.
#include "tools/benchmark/request_set.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>

namespace ringproxy::bench {
namespace {

// A fixed seed gives every run, and every proxy, the same requests in the same order.
constexpr uint64_t kShuffleSeed = 20;

std::vector<std::string> ShuffledKeys(const RequestShape& shape) {
  std::vector<size_t> numbers = shape.chosen;
  if (numbers.empty()) {
    numbers.resize(shape.keys);
    std::iota(numbers.begin(), numbers.end(), size_t{0});
  }
  std::vector<std::string> keys;
  for (const size_t number : numbers) {
    char key[64];
    std::snprintf(key, sizeof key, "s%zu:%010zu", shape.value_bytes, number);
    keys.emplace_back(key);
  }
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(kShuffleSeed));
  return keys;
}

std::string Head(char type, size_t number) {
  return type + std::to_string(number) + "\r\n";
}
std::string Bulk(std::string_view text) {
  return Head('$', text.size()) + std::string(text) + "\r\n";
}

// A value is its key, then filler; of a value shorter than its key only the key's beginning.
std::string Value(const std::string& key, size_t bytes) {
  std::string value = key;
  value.resize(bytes, '.');
  return value;
}

}  // namespace

RequestSet::RequestSet(const RequestShape& shape) : shape_(shape) {
  const std::vector<std::string> keys = ShuffledKeys(shape_);
  // All heads stand before the first piece is made, for pieces are views of them.
  for (const std::string& key : keys) value_heads_.push_back(HeadOfValue(key) + key.substr(0, shape_.value_bytes));
  shape_.protocol == Protocol::kRedis ? BuildRedis(keys) : BuildMemcache(keys);
}

void RequestSet::BuildRedis(const std::vector<std::string>& keys) {
  switch (shape_.command) {
    case CommandKind::kGet: BuildGets(keys); break;
    case CommandKind::kSet: BuildSets(keys); break;
    case CommandKind::kMget: BuildMgets(keys); break;
    case CommandKind::kMulti: BuildMultis(keys); break;
  }
}

void RequestSet::BuildMemcache(const std::vector<std::string>& keys) {
  switch (shape_.command) {
    case CommandKind::kGet: BuildMemcacheGets(keys, 1); break;
    case CommandKind::kSet: BuildMemcacheSets(keys); break;
    case CommandKind::kMget: BuildMemcacheGets(keys, std::min(shape_.mget_keys, keys.size())); break;
    case CommandKind::kMulti: break;  // The protocol has none.
  }
}

void RequestSet::BuildGets(const std::vector<std::string>& keys) {
  count_ = keys.size();
  for (size_t i = 0; i < keys.size(); ++i) {
    bytes_ += Head('*', 2) + Bulk("GET") + Bulk(keys[i]);
    ExpectValue(i);
  }
}

void RequestSet::BuildSets(const std::vector<std::string>& keys) {
  count_ = keys.size();
  for (const std::string& key : keys) {
    bytes_ += Head('*', 3) + Bulk("SET") + Bulk(key) + Bulk(Value(key, shape_.value_bytes));
    pieces_.push_back({.text = "+OK\r\n"});
  }
}

void RequestSet::BuildMgets(const std::vector<std::string>& keys) {
  const size_t per_request = std::min(shape_.mget_keys, keys.size());
  count_ = keys.size() / per_request;
  array_head_ = Head('*', per_request);
  for (size_t request = 0; request < count_; ++request) {
    bytes_ += Head('*', per_request + 1) + Bulk("MGET");
    pieces_.push_back({.text = array_head_});
    for (size_t i = request * per_request; i < (request + 1) * per_request; ++i) {
      bytes_ += Bulk(keys[i]);
      ExpectValue(i);
    }
  }
}

void RequestSet::BuildMultis(const std::vector<std::string>& keys) {
  count_ = keys.size();
  array_head_ = Head('*', shape_.mget_keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    bytes_ += Head('*', 1) + Bulk("MULTI");
    pieces_.push_back({.text = "+OK\r\n"});
    for (size_t command = 0; command < shape_.mget_keys; ++command) {
      bytes_ += Head('*', 2) + Bulk("GET") + Bulk(keys[i]);
      pieces_.push_back({.text = "+QUEUED\r\n"});
    }
    bytes_ += Head('*', 1) + Bulk("EXEC");
    pieces_.push_back({.text = array_head_});
    for (size_t command = 0; command < shape_.mget_keys; ++command) ExpectValue(i);
  }
}

void RequestSet::BuildMemcacheGets(const std::vector<std::string>& keys, size_t per_request) {
  count_ = keys.size() / per_request;
  for (size_t request = 0; request < count_; ++request) {
    bytes_ += "get";
    for (size_t i = request * per_request; i < (request + 1) * per_request; ++i) {
      bytes_ += " " + keys[i];
      ExpectValue(i);
    }
    bytes_ += "\r\n";
    pieces_.push_back({.text = "END\r\n"});
  }
}

void RequestSet::BuildMemcacheSets(const std::vector<std::string>& keys) {
  count_ = keys.size();
  for (const std::string& key : keys) {
    bytes_ += "set " + key + " 0 0 " + std::to_string(shape_.value_bytes) + "\r\n";
    bytes_ += Value(key, shape_.value_bytes) + "\r\n";
    pieces_.push_back({.text = "STORED\r\n"});
  }
}

std::string RequestSet::HeadOfValue(const std::string& key) const {
  if (shape_.protocol == Protocol::kRedis) return Head('$', shape_.value_bytes);
  return "VALUE " + key + " 0 " + std::to_string(shape_.value_bytes) + "\r\n";
}

void RequestSet::ExpectValue(size_t index) {
  // Behind its first line a head holds as much of the key as fits into the value.
  const size_t key_bytes = value_heads_[index].size() - value_heads_[index].find('\n') - 1;
  pieces_.push_back({.text = value_heads_[index], .body = shape_.value_bytes - key_bytes, .tail = true});
}

std::string_view RequestSet::Slice(uint64_t offset, uint64_t length) const {
  return std::string_view(bytes_).substr(offset % bytes_.size(), length);
}

}  // namespace ringproxy::bench
