// conf/version.h – The version of this program, as --version, INFO and build_info show it.
#pragma once

#include <string_view>

namespace ringproxy::conf {

// "0.1.0", from the project line of CMakeLists.txt.
std::string_view Version();

}  // namespace ringproxy::conf
