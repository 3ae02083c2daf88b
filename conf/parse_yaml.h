// conf/parse_yaml.h – One YAML document and where its parts stood. Part of the only door to yaml-cpp.
//
// Purpose: what conf/parse and conf/parse_tree share; nobody else includes it.
// Threads: functions without state.
#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <string_view>

#include "conf/source.h"

namespace ringproxy::conf {

Place PlaceOf(const YAML::Mark& mark);
// "a map", "a list", "a single value" or "empty".
std::string_view WhatItIs(const YAML::Node& node);

// The root of the one document; what YAML itself finds wrong goes to `source`. Never throws.
std::optional<YAML::Node> LoadYaml(const std::string& text, Source& source);

}  // namespace ringproxy::conf
