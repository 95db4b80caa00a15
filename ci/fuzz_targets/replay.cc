// Feeds every file of the folders given to the target, in the order of their names.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "ci/fuzz_targets/fuzz_target.h"

int main(int count, char** arguments) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    for (const fs::directory_entry& entry : fs::directory_iterator(arguments[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::cout << file.filename().string()
              << std::endl;  // flushed: the last one named is the one that crashed
    std::ifstream stream(file, std::ios::binary);
    kiln::fuzz_one({std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()});
  }
  std::cout << files.size() << " inputs\n";
  return files.empty() ? 1 : 0;
}
