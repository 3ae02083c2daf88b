// tools/benchmark/load_options.cc – see load_options.h.
#include "tools/benchmark/load_options.h"

#include <boost/program_options.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

namespace ringproxy::bench {
namespace {

namespace options = boost::program_options;

CommandKind CommandNamed(const std::string& name) {
  if (name == "get") return CommandKind::kGet;
  if (name == "set") return CommandKind::kSet;
  if (name == "mget") return CommandKind::kMget;
  if (name == "multi") return CommandKind::kMulti;
  throw std::invalid_argument("--command is get, set, mget or multi, not " + name);
}

Protocol ProtocolNamed(const std::string& name) {
  if (name == "redis") return Protocol::kRedis;
  if (name == "memcached") return Protocol::kMemcached;
  if (name == "memcached-binary") return Protocol::kMemcachedBinary;
  throw std::invalid_argument("--protocol is redis, memcached or memcached-binary, not " + name);
}

std::pair<std::string, int> NamedProcess(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) throw std::invalid_argument("--watch wants NAME=PID, not " + text);
  return {text.substr(0, equals), std::stoi(text.substr(equals + 1))};
}

std::vector<size_t> NumbersIn(const std::string& path) {
  std::ifstream file(path);
  const std::vector<size_t> numbers{std::istream_iterator<size_t>(file), {}};
  // What is no number stops the reading before the file's end.
  if (numbers.empty() || !file.eof()) throw std::invalid_argument("--key-numbers: no numbers in " + path);
  return numbers;
}

void Check(const LoadOptions& load) {
  if (load.address.empty()) throw std::invalid_argument("--address is needed");
  if (load.connections == 0 || load.pipeline == 0 || load.shape.keys == 0 || load.shape.mget_keys == 0) {
    throw std::invalid_argument("--connections, --pipeline, --keys and --mget-keys are at least 1");
  }
  const bool is_redis = load.shape.protocol == Protocol::kRedis;
  if (!is_redis && (load.resp3 || load.shape.command == CommandKind::kMulti)) {
    throw std::invalid_argument("--resp3 and --command multi are Redis'");
  }
  if (load.shape.protocol == Protocol::kMemcachedBinary && load.shape.command != CommandKind::kGet)
    throw std::invalid_argument("--protocol memcached-binary knows --command get alone");
}

}  // namespace

std::optional<LoadOptions> ParseLoadOptions(int argc, char** argv, int& exit_code) {
  LoadOptions load;
  std::string protocol = "redis";
  std::string command = "get";
  std::string key_numbers;
  std::vector<std::string> watched;
  options::options_description known("bench_load: load for Redis and memcached proxies; prints JSON");
  known.add_options()("help", "show this");
  known.add_options()("address", options::value(&load.address), "127.0.0.1:6380 or unix:/path");
  known.add_options()("connections", options::value(&load.connections)->default_value(load.connections));
  known.add_options()("pipeline", options::value(&load.pipeline)->default_value(load.pipeline), "requests in a batch");
  known.add_options()("requests", options::value(&load.requests), "end after so many instead of after --seconds");
  known.add_options()("seconds", options::value(&load.seconds)->default_value(load.seconds), "measured window");
  known.add_options()("warmup", options::value(&load.warmup)->default_value(load.warmup), "seconds before it");
  known.add_options()("rate", options::value(&load.rate), "open loop: requests a second");
  known.add_options()("one-at-a-time", options::bool_switch(&load.one_at_a_time),
                      "open loop: a request takes a connection that waits for no reply, while there is one");
  known.add_options()("until-stdin-ends", options::bool_switch(&load.until_stdin_ends), "instead of --seconds");
  known.add_options()("trace", options::value(&load.trace), "file for a record of each reply (see trace.h)");
  known.add_options()("linger", options::value(&load.linger), "seconds to keep the idle connections afterwards");
  known.add_options()("protocol", options::value(&protocol)->default_value(protocol),
                      "redis, memcached or memcached-binary");
  known.add_options()("command", options::value(&command)->default_value(command), "get, set, mget or multi");
  known.add_options()("value-bytes", options::value(&load.shape.value_bytes)->default_value(load.shape.value_bytes));
  known.add_options()("keys", options::value(&load.shape.keys)->default_value(load.shape.keys), "distinct keys");
  known.add_options()("key-numbers", options::value(&key_numbers), "file of numbers: only these of the keys");
  known.add_options()("mget-keys", options::value(&load.shape.mget_keys)->default_value(load.shape.mget_keys),
                      "of an mget, or the commands of a multi");
  known.add_options()("resp3", options::bool_switch(&load.resp3), "HELLO 3 before the first request");
  known.add_options()("watch", options::value(&watched), "NAME=PID: report its CPU time; may be repeated");
  known.add_options()("count-calls", options::value(&load.count_calls_of), "PID: report its system calls");
  known.add_options()("idle", options::value(&load.idle), "only hold so many connections until stdin ends");
  known.add_options()("listeners", options::value(&load.listeners), "only publish --messages to so many subscribers");
  known.add_options()("messages", options::value(&load.messages)->default_value(load.messages), "with --listeners");
  known.add_options()("ping", options::bool_switch(&load.ping), "with --idle: one PING on each");
  try {
    options::variables_map given;
    options::store(options::parse_command_line(argc, argv, known), given);
    options::notify(given);
    if (given.contains("help")) {
      std::cout << known;
      exit_code = 0;
      return std::nullopt;
    }
    load.shape.protocol = ProtocolNamed(protocol);
    load.shape.command = CommandNamed(command);
    if (!key_numbers.empty()) load.shape.chosen = NumbersIn(key_numbers);
    for (const std::string& text : watched) load.watched.push_back(NamedProcess(text));
    Check(load);
  } catch (const std::exception& error) {
    std::cerr << "bench_load: " << error.what() << "\n";
    exit_code = 2;
    return std::nullopt;
  }
  return load;
}

}  // namespace ringproxy::bench
