// Runs one fuzz target over the files of its corpus, without libFuzzer and with any compiler.
//
// Usage: x_replay FOLDER... . A corpus that is missing or empty is an error: a target whose
// corpus nobody wrote down is not tested by the plain suite.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<char> contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// An exact-size copy on the heap, so that the address sanitizer sees a read past the end.
void run(const std::vector<char>& bytes) {
  std::vector<uint8_t> input(bytes.begin(), bytes.end());
  input.shrink_to_fit();
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

} // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  run({});
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      run(contents(entry.path()));
      ++files;
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "no corpus: put at least one input in the target's corpus folder\n");
    return 1;
  }
  std::printf("%zu inputs\n", files);
  return 0;
}
