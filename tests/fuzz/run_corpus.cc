// Runs a fuzz target over each file of the folders given: the corpus as a plain test, without libFuzzer. After --cuts
// the files are streams (cut_input.h), and each is tried cut at every byte, under both limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/cut_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

const uint8_t* BytesOf(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

void RunCuts(const std::string& bytes) {
  const std::string stream(ringproxy::test::ReadCutInput(BytesOf(bytes), bytes.size()).stream);
  for (size_t cut = 0; cut < stream.size(); ++cut) {
    for (const bool small_limits : {false, true}) {
      const std::string input = ringproxy::test::MakeCutInput(stream, cut, small_limits);
      LLVMFuzzerTestOneInput(BytesOf(input), input.size());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool cuts = false;
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--cuts") {
      cuts = true;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const std::filesystem::path& file : files) {
    // Before it runs: a target tells of a failure by aborting.
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    LLVMFuzzerTestOneInput(BytesOf(bytes), bytes.size());
    if (cuts) RunCuts(bytes);
  }
  return files.empty() ? 1 : 0;
}
