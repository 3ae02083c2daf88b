// Shows the command table to the end-to-end tests: one JSON object per row, or with --keys, for each line of words on
// standard input, the words that FindKeys takes for keys as a JSON array (null where it leaves the request to Redis).
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "backends/wire/command.h"
#include "tests/support/test_request.h"

namespace {

using namespace ringproxy;
using nlohmann::json;

std::string_view NameOf(wire::Access access) {
  switch (access) {
    case wire::Access::kRead: return "read";
    case wire::Access::kWrite: return "write";
    case wire::Access::kAdmin: return "admin";
    case wire::Access::kOther: break;
  }
  return "other";
}

void PrintTable() {
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    const bool at_fixed_places = spec.keys.kind == wire::KeyKind::kOne || spec.keys.kind == wire::KeyKind::kRange;
    std::cout << json{{"name", spec.name},
                      {"arity", spec.arity},
                      {"flags", test::TestRequest::Split(spec.flags)},
                      {"categories", test::TestRequest::Split(spec.categories)},
                      {"access", NameOf(spec.access)},
                      {"refused", spec.handling == wire::Handling::kRefused},
                      {"local", spec.handling == wire::Handling::kLocal},
                      {"one_node", spec.handling == wire::Handling::kOneNode},
                      {"needs_admin", wire::NeedsAdmin(spec)},
                      {"is_younger", spec.since != wire::FirstReleases{}},
                      {"has_keys", spec.keys.kind != wire::KeyKind::kNone},
                      {"first_key", spec.keys.first},
                      {"last_key", spec.keys.last},
                      {"step", at_fixed_places ? spec.keys.step : 0}}
              << "\n";
  }
}

void PrintKeys() {
  wire::KeyPositions positions;
  for (std::string line; std::getline(std::cin, line);) {
    const test::TestRequest request(test::TestRequest::Split(line));
    const wire::CommandSpec* spec = wire::FindRedisCommand(wire::Request(request));
    json keys;
    if (spec != nullptr && wire::CheckShape(*spec, request) == wire::Shape::kOk &&
        wire::FindKeys(*spec, request, &positions) != wire::KeyResult::kSyntax) {
      keys = json::array();
      for (const uint32_t position : positions) keys.push_back(wire::Request(request)[position]);
    }
    std::cout << keys << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--keys") {
    PrintKeys();
  } else {
    PrintTable();
  }
}
