#include "tools/ringskew/command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iostream>
#include <vector>

#include "conf/parse.h"
#include "conf/pool_ring.h"
#include "conf/values.h"
#include "tools/ringskew/shown_name.h"

namespace ringproxy::ringskew {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kUsage =
    "Usage: ringskew --config FILE --pool NAME --keys FILE|-|COUNT:uniform|COUNT:zipf:S [options]\n"
    "       ringskew --nodes a,b=2,c [--virtual-nodes N] [--algorithm A] --keys … [options]\n"
    "       ringskew --live http://127.0.0.1:9180 [--pool NAME] [options]\n"
    "Says how uneven the load of a pool's nodes is, why, and what to change.\n";

constexpr uint32_t kMostVirtualNodes = 65536;

struct Arguments {
  std::string config, pool, nodes, keys, live, token_file, format = "table", out, sweep, algorithm, hash, hash_tag;
  std::string column, weight_column, bytes_column, delimiter, prefix_delimiter = ":";
  std::vector<std::string> add, remove, weight;
  uint32_t virtual_nodes = 0;
  double target = 1.10;
  bool scan = false, no_quotes = false, help = false;
};

po::options_description Describe(Arguments& a) {
  po::options_description options("Options");
  auto add = options.add_options();
  const auto text = [](std::string* value) { return po::value(value)->value_name("X"); };
  const auto texts = [](std::vector<std::string>* value) { return po::value(value)->value_name("X")->composing(); };
  add("config", text(&a.config), "a configuration of ringproxy");
  add("pool", text(&a.pool), "which of its pools (not needed when it has one)");
  add("nodes", text(&a.nodes), "without a configuration: names, and weights behind a '='");
  add("keys", text(&a.keys), "a file with one key a line, or key TAB weight [TAB bytes]; - reads standard input");
  add("scan", po::bool_switch(&a.scan), "instead of --keys, with --config: read the keys from the pool's live nodes");
  add("live", text(&a.live), "instead of all that: what a running proxy has measured, http://127.0.0.1:9180");
  add("token-file", text(&a.token_file), "with --live: a file whose first line is the admin port's token");
  add("key-column", text(&a.column), "the file is a log: the column of the key, a number or a name of its first line");
  add("weight-column", text(&a.weight_column), "of a log: requests");
  add("bytes-column", text(&a.bytes_column), "of a log: bytes");
  add("delimiter", text(&a.delimiter),
      "of a log: what parts its columns, one character, tab or space (as its first line has it)");
  add("no-quotes", po::bool_switch(&a.no_quotes), "of a log: a quote is a byte like others, and not CSV's");
  add("virtual-nodes", po::value(&a.virtual_nodes)->value_name("N"),
      "another number than configured; with --config a what-if");
  add("algorithm", text(&a.algorithm), "another algorithm; with --config a what-if");
  add("hash", text(&a.hash), "with --nodes: the hash of a key");
  add("hash-tag", text(&a.hash_tag),
      "with --nodes: two characters, \"\" for none, or auto ({}; none for ketama, twemproxy, modula)");
  add("sweep", text(&a.sweep), "A..B: A virtual nodes, twice as many, and so on to B");
  add("target", po::value(&a.target)->value_name("R"), "the peak/mean to reach (1.10)");
  add("add", texts(&a.add), "what if this node came: NAME or NAME=WEIGHT; may be repeated");
  add("remove", texts(&a.remove), "what if this node left; may be repeated");
  add("weight", texts(&a.weight), "what if NAME=WEIGHT; may be repeated");
  add("prefix-delimiter", text(&a.prefix_delimiter), "ends the prefix of a key (:)");
  add("format", text(&a.format), "table, json, csv or html");
  add("out", text(&a.out), "a file for the report");
  add("help", po::bool_switch(&a.help), "print this, and end");
  return options;
}

using Problem = std::optional<std::string>;

template <class E>
Problem ReadName(const char* option, const std::string& text, E* value) {
  if (const auto problem = conf::ReadValue(text, conf::Choice(), *value))
    return std::string(option) + ": " + problem->text;
  return std::nullopt;
}

Problem ReadVirtualNodes(std::string_view text, uint32_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && *value >= 1 && *value <= kMostVirtualNodes) return std::nullopt;
  return "'" + std::string(text) + "' is not a number of virtual nodes from 1 to " + std::to_string(kMostVirtualNodes);
}

Problem ReadSweep(const std::string& text, std::vector<uint32_t>* sweep) {
  if (text.empty()) return std::nullopt;
  const size_t dots = text.find("..");
  uint32_t first = 0;
  uint32_t last = 0;
  if (dots == std::string::npos) return "--sweep: " + text + " is not A..B, as in 16..4096";
  if (auto problem = ReadVirtualNodes(std::string_view(text).substr(0, dots), &first)) return "--sweep: " + *problem;
  if (auto problem = ReadVirtualNodes(std::string_view(text).substr(dots + 2), &last)) return "--sweep: " + *problem;
  if (first > last) return "--sweep: " + text + " goes down";
  for (uint64_t v = first; v <= last; v *= 2) sweep->push_back(static_cast<uint32_t>(v));
  return std::nullopt;
}

// Why the pool's ring cannot be made with each number of the sweep.
Problem CheckSweep(conf::Pool pool, const std::vector<uint32_t>& sweep) {
  if (sweep.empty()) return std::nullopt;
  if (!HasVirtualNodes(pool.ring.algorithm)) {
    return "--sweep: the algorithm " + std::string(conf::NameOf(pool.ring.algorithm)) +
           " has no virtual nodes; vnode, ketama and twemproxy have";
  }
  for (const uint32_t virtual_nodes : sweep) {
    pool.ring.virtual_nodes = virtual_nodes;
    if (auto problem = WhyNoRing(pool)) return "--sweep: " + *problem;
  }
  return std::nullopt;
}

Problem ReadFormat(const std::string& text, Format* format) {
  constexpr std::pair<std::string_view, Format> kFormats[] = {
      {"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}, {"html", Format::kHtml}};
  const auto* found = std::ranges::find(kFormats, text, &std::pair<std::string_view, Format>::first);
  if (found == std::end(kFormats)) return "--format: " + text + " is none of table, json, csv and html";
  *format = found->second;
  return std::nullopt;
}

// The pool of a configuration. `exit` tells a bad file from bad usage.
Problem ReadPool(const Arguments& a, conf::Pool* pool, ExitCode* exit) {
  const auto config = conf::LoadConfig(a.config);
  if (!config) {
    *exit = ExitCode::kBadInput;
    std::string errors = conf::ToString(config.errors());
    errors.erase(errors.find_last_not_of('\n') + 1);
    return errors;
  }
  if (a.pool.empty() && config->pools.size() == 1) {
    *pool = config->pools[0];
    return std::nullopt;
  }
  std::string known;
  for (const conf::Pool& candidate : config->pools) {
    if (candidate.name == a.pool) {
      *pool = candidate;
      return std::nullopt;
    }
    known += (known.empty() ? "" : ", ") + candidate.name;
  }
  *exit = ExitCode::kBadInput;
  return (a.pool.empty() ? "--pool is needed" : "no pool is called " + a.pool) + "; " + a.config + " has " + known;
}

Problem ReadNodes(const Arguments& a, conf::Pool* pool) {
  auto nodes = PoolOfNodes(a.nodes);
  if (!nodes) return "--nodes: " + nodes.errors();
  *pool = std::move(nodes).value();
  if (a.virtual_nodes > 0) pool->ring.virtual_nodes = a.virtual_nodes;
  if (!a.algorithm.empty()) {
    if (auto problem = ReadName("--algorithm", a.algorithm, &pool->ring.algorithm)) return problem;
  }
  if (!a.hash.empty()) {
    if (auto problem = ReadName("--hash", a.hash, &pool->ring.hash)) return problem;
  }
  return std::nullopt;
}

Problem ReadChange(const Arguments& a, Order* order) {
  Change change{.add = a.add, .remove = a.remove, .weight = a.weight, .algorithm = {}, .virtual_nodes = {}};
  if (!a.config.empty() && a.virtual_nodes > 0) change.virtual_nodes = a.virtual_nodes;
  if (!a.config.empty() && !a.algorithm.empty()) {
    ring::Algorithm algorithm{};
    if (auto problem = ReadName("--algorithm", a.algorithm, &algorithm)) return problem;
    change.algorithm = algorithm;
  }
  if (change.empty()) return std::nullopt;
  if (const auto changed = Changed(order->pool, change); !changed) return changed.errors();
  order->analysis.change = change;
  return std::nullopt;
}

Problem ReadLive(const Arguments& a, Order* order) {
  const bool needs_keys = !(a.config + a.nodes + a.keys + a.sweep + a.algorithm).empty() || a.scan ||
                          a.virtual_nodes > 0 || !a.add.empty() || !a.remove.empty() || !a.weight.empty();
  if (needs_keys)
    return std::string("--live has shares, not keys: it goes with --pool, --target, --format and --out only");
  order->live = {a.live, a.pool, ""};
  if (a.token_file.empty()) return std::nullopt;
  std::ifstream file(a.token_file);
  // A token is no option itself, because every user of the machine can read command lines.
  if (!std::getline(file, order->live->token)) return "--token-file: " + a.token_file + " cannot be read";
  // As the proxy reads the file.
  if (order->live->token.ends_with('\r')) order->live->token.pop_back();
  if (order->live->token.starts_with("\xef\xbb\xbf")) {
    return "--token-file: " + a.token_file + " begins with a byte-order mark; save it as UTF-8 without one";
  }
  return std::nullopt;
}

// What goes with a log only, and how its columns are parted.
Problem ReadLog(const Arguments& a, KeyFormat* format) {
  const bool of_log = !(a.weight_column + a.bytes_column + a.delimiter).empty() || a.no_quotes;
  if (of_log && a.column.empty()) {
    return "--weight-column, --bytes-column, --delimiter and --no-quotes go with --key-column";
  }
  if (a.delimiter.empty()) return std::nullopt;
  const std::string text = a.delimiter == "tab" ? "\t" : a.delimiter == "space" ? " " : a.delimiter;
  if (text.size() != 1 || text == "\"" || text == "\n" || text == "\r") {
    return "--delimiter: " + a.delimiter + " is not one character, tab or space";
  }
  format->delimiter = text[0];
  return std::nullopt;
}

Problem Read(const Arguments& a, const po::variables_map& values, Order* order, ExitCode* exit) {
  if (!(a.target >= 1) || !std::isfinite(a.target)) return std::string("--target: a peak/mean is at least 1");
  // Every key would have the empty prefix.
  if (a.prefix_delimiter.empty())
    return std::string("--prefix-delimiter is empty; prefixes need something to end with");
  order->analysis.target = a.target;
  order->out = a.out;
  if (auto problem = ReadFormat(a.format, &order->format)) return problem;
  if (!a.live.empty()) return ReadLive(a, order);
  if (a.config.empty() == a.nodes.empty()) return "one of --config and --nodes is needed";
  if (a.keys.empty() && !a.scan) return "--keys or --scan is needed";
  if (!a.keys.empty() && a.scan) return "--keys and --scan exclude each other";
  if (a.scan && a.config.empty()) return "--scan needs --config, which says where the nodes are";
  if (values.contains("virtual-nodes")) {
    uint32_t ignored = 0;
    // It is read once more as text, so that the bounds and their words stand in one place.
    if (auto problem = ReadVirtualNodes(std::to_string(a.virtual_nodes), &ignored))
      return "--virtual-nodes: " + *problem;
  }
  if (auto problem = a.config.empty() ? ReadNodes(a, &order->pool) : ReadPool(a, &order->pool, exit)) return problem;
  if (values.contains("hash-tag")) order->pool.ring.hash_tag = a.hash_tag;
  if (conf::HashTagOf(order->pool.ring).size() == 1) return std::string("--hash-tag takes two characters, or none");
  if (auto problem = WhyNoRing(order->pool)) return problem;
  if (auto problem = ReadChange(a, order)) return problem;
  if (auto problem = ReadSweep(a.sweep, &order->analysis.sweep)) return problem;
  if (auto problem = CheckSweep(order->pool, order->analysis.sweep)) return problem;
  order->analysis.prefix_delimiter = a.prefix_delimiter;
  order->scan = a.scan;
  order->keys = {a.keys, {a.column, a.weight_column, a.bytes_column, {}, !a.no_quotes}};
  return ReadLog(a, &order->keys.format);
}

}  // namespace

std::optional<Order> ParseCommandLine(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
                                      ExitCode* exit) {
  Arguments arguments;
  const po::options_description options = Describe(arguments);
  po::variables_map values;
  *exit = ExitCode::kBadUsage;
  try {
    // Guessing is off, as in ringproxy: a script's abbreviation would become ambiguous with the next option.
    constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::positional_options_description no_positional;
    po::store(po::command_line_parser(argc, argv).options(options).positional(no_positional).style(kStyle).run(),
              values);
    po::notify(values);
  } catch (const po::error& error) {
    err << "ringskew: " << ShownName(error.what()) << "; --help lists the options\n";
    return std::nullopt;
  }
  if (arguments.help) {
    out << kUsage << "\n" << options;
    *exit = ExitCode::kClean;
    return std::nullopt;
  }
  Order order;
  if (const Problem problem = Read(arguments, values, &order, exit)) {
    err << "ringskew: " << ShownLines(*problem) << "\n";
    return std::nullopt;
  }
  *exit = ExitCode::kClean;
  return order;
}

}  // namespace ringproxy::ringskew
