// tests/support/golden.h – Texts pinned by files of the repository.
//
// Purpose: a golden file says what the text was when somebody last looked at it. RINGPROXY_UPDATE_GOLDEN=1 in the
// environment writes the files anew instead; the diff is then what is to be looked at.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace ringproxy::test {

// The root of the checkout: tests run in any directory.
inline std::filesystem::path SourceRoot() {
  return RINGPROXY_SOURCE_DIR;
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void WriteFile(const std::filesystem::path& path, std::string_view text) {
  std::ofstream stream(path, std::ios::binary);
  stream << text;
  EXPECT_TRUE(stream.flush()) << path << " cannot be written";
}

inline bool UpdatesGolden() {
  const char* update = std::getenv("RINGPROXY_UPDATE_GOLDEN");
  return update != nullptr && std::string_view(update) == "1";
}

// `path` is relative to the root of the checkout.
inline void ExpectGolden(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path file = SourceRoot() / path;
  if (UpdatesGolden()) return WriteFile(file, text);
  EXPECT_EQ(ReadFile(file), text) << path << " differs; RINGPROXY_UPDATE_GOLDEN=1 rewrites it";
}

}  // namespace ringproxy::test
