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

constexpr size_t kBinaryHeaderBytes = 24;
constexpr size_t kTokenBytes = 8;
constexpr size_t kFlagBytes = 4;

// Of a get or its reply: memcached's protocol_binary.txt.
std::string BinaryHeader(char magic, size_t extras, size_t key_bytes, size_t body_bytes) {
  std::string header(kBinaryHeaderBytes, '\0');
  header[0] = magic;
  header[2] = static_cast<char>(key_bytes >> 8);
  header[3] = static_cast<char>(key_bytes);
  header[4] = static_cast<char>(extras);
  for (size_t i = 0; i < 4; ++i) header[8 + i] = static_cast<char>(body_bytes >> (24 - 8 * i));
  return header;
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
  switch (shape_.protocol) {
    case Protocol::kRedis: BuildRedis(keys); break;
    case Protocol::kMemcached: BuildMemcache(keys); break;
    case Protocol::kMemcachedBinary: BuildBinaryGets(keys); break;
  }
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

void RequestSet::BuildBinaryGets(const std::vector<std::string>& keys) {
  count_ = keys.size();
  for (size_t i = 0; i < keys.size(); ++i) {
    bytes_ += BinaryHeader('\x80', 0, keys[i].size(), keys[i].size()) + keys[i];
    ExpectValue(i);
  }
}

std::string RequestSet::HeadOfValue(const std::string& key) const {
  if (shape_.protocol == Protocol::kRedis) return Head('$', shape_.value_bytes);
  if (shape_.protocol == Protocol::kMemcachedBinary)
    return BinaryHeader('\x81', kFlagBytes, 0, kFlagBytes + shape_.value_bytes) + std::string(kFlagBytes, '\0');
  return "VALUE " + key + " 0 " + std::to_string(shape_.value_bytes) + "\r\n";
}

void RequestSet::ExpectValue(size_t index) {
  const std::string_view head = value_heads_[index];
  // As much of the key as fits into the value stands behind the first line, or the flags.
  if (shape_.protocol != Protocol::kMemcachedBinary) {
    const size_t key_bytes = head.size() - head.find('\n') - 1;
    return pieces_.push_back({.text = head, .body = shape_.value_bytes - key_bytes, .tail = true});
  }
  const size_t key_bytes = head.size() - kBinaryHeaderBytes - kFlagBytes;
  // Its token may be any.
  pieces_.push_back({.text = head.substr(0, kBinaryHeaderBytes - kTokenBytes), .body = kTokenBytes});
  pieces_.push_back({.text = head.substr(kBinaryHeaderBytes), .body = shape_.value_bytes - key_bytes});
}

std::string_view RequestSet::Slice(uint64_t offset, uint64_t length) const {
  return std::string_view(bytes_).substr(offset % bytes_.size(), length);
}

}  // namespace ringproxy::bench
