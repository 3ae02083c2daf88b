#include "proxy/command_line.h"

#include <boost/program_options.hpp>
#include <optional>
#include <vector>

#include "conf/hints.h"
#include "conf/import/importer.h"
#include "conf/parse.h"
#include "conf/print.h"
#include "conf/reference.h"
#include "conf/validate.h"
#include "conf/values.h"
#include "conf/version.h"
#include "proxy/guard/request_match.h"
#include "proxy/route/configured_commands.h"

namespace ringproxy::proxy {

namespace {

namespace po = boost::program_options;

constexpr std::string_view kUsage =
    "Usage: ringproxy --config FILE [--check]\n"
    "       ringproxy --check FILE\n"
    "       ringproxy --redis ADDRESS,ADDRESS,... [--listen ADDRESS] [--admin ADDRESS] [--workers N]\n"
    "       ringproxy --memcached ADDRESS,ADDRESS,... [--listen ADDRESS] [--admin ADDRESS] [--workers N]\n"
    "       ringproxy --import FILE [--import-format FORMAT]\n"
    "       ringproxy --print-config | --print-schema | --print-reference | --version | --help\n";

// The listeners of a configuration without a file. The ports are near the servers' own.
const conf::Address kRedisListen{"127.0.0.1", 6380, ""};
const conf::Address kMemcachedListen{"127.0.0.1", 11311, ""};
constexpr std::string_view kExampleNode = "127.0.0.1:6379";

constexpr const char* kBareFile = "a file";  // No option is typed so.

// Only what is written here: what is not given has to be told from what was given as its default.
struct Arguments {
  std::string config_file;
  std::vector<std::string> redis, memcached;
  std::string listen, admin, workers;
  std::string import_file, import_format;
  std::string bare_file;  // Without an option before it: of --check FILE.
  bool check = false, print_config = false, print_schema = false, print_reference = false;
  bool version = false, help = false;
};

po::options_description Describe(Arguments& arguments) {
  po::options_description options("Options");
  auto add = options.add_options();
  add("config", po::value(&arguments.config_file)->value_name("FILE"), "the configuration, see conf/reference.md");
  add("redis", po::value(&arguments.redis)->value_name("ADDRESS,..."),
      "no file: one pool of these Redis servers (HOST:PORT or unix:/PATH)");
  add("memcached", po::value(&arguments.memcached)->value_name("ADDRESS,..."),
      "no file: one pool of these memcached servers; may stand beside --redis");
  add("listen", po::value(&arguments.listen)->value_name("ADDRESS"),
      "without a file: where clients connect (127.0.0.1:6380, memcached's 127.0.0.1:11311; for others than this host "
      "0.0.0.0:6380)");
  add("admin", po::value(&arguments.admin)->value_name("ADDRESS"),
      "without a file: where the admin port listens (127.0.0.1:9180)");
  add("workers", po::value(&arguments.workers)->value_name("N"),
      "without a file: event loops, a number or auto (auto: one a core)");
  add("check", po::bool_switch(&arguments.check), "say everything that is wrong with the configuration, and end");
  add("import", po::value(&arguments.import_file)->value_name("FILE"),
      "print a configuration made of another program's, with a comment at what has no counterpart, and end");
  add("import-format", po::value(&arguments.import_format)->value_name("FORMAT"),
      "whose file it is: nutcracker, mcrouter, predixy or envoy (its content tells)");
  add("print-config", po::bool_switch(&arguments.print_config),
      "print the whole configuration with all defaults, of an example if none is given, and end");
  add("print-schema", po::bool_switch(&arguments.print_schema), "print the JSON schema of a configuration, and end");
  add("print-reference", po::bool_switch(&arguments.print_reference),
      "print the configuration reference in Markdown, and end");
  add("version", po::bool_switch(&arguments.version), "print the version, and end");
  add("help", po::bool_switch(&arguments.help), "print this, and end");
  return options;
}

ExitCode BadUsage(std::ostream& err, const std::string& message) {
  err << "ringproxy: " << message << "\n" << kUsage;
  return ExitCode::kBadUsage;
}

// The message of the first conflict between the arguments, or nothing.
std::optional<std::string> FindConflict(const Arguments& arguments) {
  const bool imports = !arguments.import_file.empty();
  const int ways_to_end = imports + arguments.check + arguments.print_config + arguments.print_schema +
                          arguments.print_reference + arguments.version + arguments.help;
  if (ways_to_end > 1) return "only one of --import, --check, --print-..., --version and --help may be given";
  if (!arguments.bare_file.empty() && !arguments.check) {
    return "'" + arguments.bare_file + "' stands without an option; a configuration is given as --config FILE";
  }
  if (!arguments.bare_file.empty() && !arguments.config_file.empty()) return "--check FILE excludes --config";
  if (!imports && !arguments.import_format.empty()) return "--import-format goes with --import";
  const bool from_file = !(arguments.config_file + arguments.bare_file).empty();
  const bool without_file = !arguments.redis.empty() || !arguments.memcached.empty();
  if (imports && (from_file || without_file)) return "--import excludes --config, --redis and --memcached";
  if (from_file && without_file) return "--config excludes --redis and --memcached";
  if (!without_file && !(arguments.listen + arguments.admin + arguments.workers).empty()) {
    return "--listen, --admin and --workers go with --redis or --memcached; a file says the same in `listeners`, "
           "`admin` and `workers`";
  }
  if (!arguments.redis.empty() && !arguments.memcached.empty() && !arguments.listen.empty()) {
    return "--listen goes with one of --redis and --memcached; where there are two listeners, write a file";
  }
  const bool needs_config = ways_to_end == 0 || arguments.check;
  if (needs_config && !from_file && !without_file) return "--config, --redis or --memcached is required";
  return std::nullopt;
}

// Reads `text` into an option of the table's own kind and bounds, when it is given at all.
template <class S, class T>
std::optional<std::string> Override(std::string_view argument, const std::string& text, std::string_view option,
                                    S& section, T S::*member) {
  if (text.empty()) return std::nullopt;
  std::optional<std::string> error;
  conf::ForEachRow<S>([&](const conf::OptionFacts& row) {
    if (row.name != option) return;
    const auto problem = conf::ReadValue(text, row.bounds, section.*member);
    if (problem) error = std::string(argument) + ": " + problem->text;
  });
  return error;
}

std::optional<std::string> AddNodes(const std::string& list, conf::Pool& pool) {
  // An empty list, or a comma at its end, is an address that is missing: the loop meets it and reports it.
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    conf::Node& node = pool.nodes.emplace_back();
    const std::string_view address = std::string_view(list).substr(begin, end - begin);
    if (const auto problem = conf::ReadValue(address, conf::AnyAddress(1), node.address)) {
      return "--" + pool.name + ": " + problem->text;
    }
    node.name = node.address.ToString();
    begin = end + 1;
  }
  return std::nullopt;
}

// A pool of the servers in `lists` and a listener in front of it, both named after their protocol; nothing if there are
// no servers.
std::optional<std::string> AddFleet(const Arguments& arguments, const std::vector<std::string>& lists,
                                    conf::Protocol protocol, const conf::Address& listen, conf::Config& config) {
  if (lists.empty()) return std::nullopt;
  conf::Pool& pool = config.pools.emplace_back();
  pool.name = conf::NameOf(protocol);
  pool.protocol = protocol;
  for (const std::string& list : lists) {
    if (auto problem = AddNodes(list, pool)) return problem;
  }
  conf::Listener& listener = config.listeners.emplace_back();
  listener.name = pool.name;
  listener.protocol = protocol;
  listener.listen = listen;
  listener.routes = {{"", pool.name}};
  return Override("--listen", arguments.listen, "listen", listener, &conf::Listener::listen);
}

// The configuration without a file, or what is wrong with the arguments.
conf::Result<conf::Config, std::string> MakeConfig(const Arguments& arguments) {
  conf::Config config;
  auto problem = AddFleet(arguments, arguments.redis, conf::Protocol::kRedis, kRedisListen, config);
  if (!problem) {
    problem = AddFleet(arguments, arguments.memcached, conf::Protocol::kMemcached, kMemcachedListen, config);
  }
  if (!problem) problem = Override("--admin", arguments.admin, "listen", config.admin, &conf::Admin::listen);
  if (!problem) problem = Override("--workers", arguments.workers, "workers", config, &conf::Config::workers);
  if (problem) return *problem;
  conf::Result<conf::Config> checked = conf::CheckedConfig(std::move(config));
  if (!checked) return checked.errors().front().ToString();
  return std::move(checked).value();
}

std::string Summary(const conf::Config& config) {
  size_t nodes = 0;
  for (const conf::Pool& pool : config.pools) nodes += pool.nodes.size();
  const auto count = [](size_t number, const std::string& word) {
    return std::to_string(number) + " " + word + (number == 1 ? "" : "s");
  };
  return count(config.listeners.size(), "listener") + ", " + count(config.pools.size(), "pool") + ", " +
         count(nodes, "node");
}

std::variant<RunConfig, ExitCode> Answer(const Arguments& arguments, RunConfig run, std::ostream& out,
                                         std::ostream& err) {
  if (arguments.print_config) {
    out << conf::PrintConfig(run.config);
    return ExitCode::kClean;
  }
  if (arguments.check) {
    const std::string source = run.config_file.empty() ? "command line" : run.config_file;
    // Hints go to stderr, so that stdout has one line whether or not there are any.
    for (const std::string& hint : conf::Hints(run.config)) err << source << ": hint: " << hint << "\n";
    out << source << ": ok, " << Summary(run.config) << "\n";
    return ExitCode::kClean;
  }
  return run;
}

ExitCode Import(const Arguments& arguments, std::ostream& out, std::ostream& err) {
  std::optional<conf::ImportFormat> format;
  if (!arguments.import_format.empty()) {
    if (const auto problem = conf::ReadValue(arguments.import_format, conf::Choice(), format.emplace())) {
      return BadUsage(err, "--import-format: " + problem->text);
    }
  }
  const conf::Result<std::string> text = conf::ImportFile(arguments.import_file, format);
  if (!text) {
    err << conf::ToString(text.errors());
    return ExitCode::kBadConfiguration;
  }
  out << *text;
  return ExitCode::kClean;
}

std::variant<RunConfig, ExitCode> Decide(Arguments arguments, std::ostream& out, std::ostream& err) {
  if (!arguments.config_file.empty()) {
    conf::Result<conf::Config> config = conf::LoadConfig(arguments.config_file);
    if (config) {
      // Which commands there are conf/ does not know.
      std::vector<std::string> unknown = TakenCommandNames(*config);
      if (unknown.empty()) {
        UseConfiguredCommands(*config);
        unknown = UnknownCommandWords(*config);
      }
      for (const std::string& error : unknown) err << arguments.config_file << ": " << error << "\n";
      if (!unknown.empty()) return ExitCode::kBadConfiguration;
    }
    if (config) return Answer(arguments, {std::move(config).value(), arguments.config_file}, out, err);
    err << conf::ToString(config.errors());
    return ExitCode::kBadConfiguration;
  }
  // Only --print-config comes here without servers: FindConflict refuses all else that needs them.
  if (arguments.redis.empty() && arguments.memcached.empty()) arguments.redis.emplace_back(kExampleNode);
  conf::Result<conf::Config, std::string> config = MakeConfig(arguments);
  if (!config) return BadUsage(err, config.errors());
  return Answer(arguments, {std::move(config).value(), ""}, out, err);
}

}  // namespace

std::variant<RunConfig, ExitCode> ParseCommandLine(int argc, const char* const* argv, std::ostream& out,
                                                   std::ostream& err) {
  Arguments arguments;
  const po::options_description options = Describe(arguments);
  try {
    // Guessing is off: an abbreviation that works today would become ambiguous with the next option.
    constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::variables_map values;
    // What is no option's value is refused later, unless it is the one file of --check.
    po::options_description all;
    all.add(options).add_options()(kBareFile, po::value(&arguments.bare_file));
    const po::positional_options_description positional = po::positional_options_description().add(kBareFile, 1);
    po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(kStyle).run(), values);
    po::notify(values);
  } catch (const po::error& error) {
    return BadUsage(err, error.what());
  }
  if (const auto conflict = FindConflict(arguments)) return BadUsage(err, *conflict);
  if (!arguments.bare_file.empty()) arguments.config_file = arguments.bare_file;
  if (arguments.help) out << kUsage << "\n" << options;
  if (arguments.version) out << "ringproxy " << conf::Version() << "\n";
  if (arguments.print_schema) out << conf::JsonSchema();
  if (arguments.print_reference) out << conf::ReferencePage();
  if (arguments.help || arguments.version || arguments.print_schema || arguments.print_reference) {
    return ExitCode::kClean;
  }
  if (!arguments.import_file.empty()) return Import(arguments, out, err);
  return Decide(std::move(arguments), out, err);
}

}  // namespace ringproxy::proxy
