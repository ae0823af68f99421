// Runs a target over files, and all files of folders: what a fuzzer has found is held by the compiler of the day. With a
// number in front, over so many damaged copies of each as well, always the same: where libFuzzer cannot be, as with
// MemorySanitizer. Reads without the C++ library's streams, which are not compiled with that.

#include "input.hpp"

#include <dirent.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr std::uint64_t seed = 88172645463325252U;
std::uint64_t state = seed;

std::uint64_t chance(std::uint64_t below) {
  state ^= state << 13U;
  state ^= state >> 7U;
  state ^= state << 17U;
  return state % below;
}

void damage(std::string& bytes) {
  constexpr char likely[] = {'\0', '\x7f', '\x80', '\xff', '%', '"', ',', ';', '=', '/'};
  for (std::uint64_t times = 1 + chance(4); times > 0; --times) {
    const std::size_t at = chance(bytes.size() + 1);
    const char byte = chance(2) == 0 ? likely[chance(sizeof likely)] : static_cast<char>(chance(256));
    switch (chance(5)) {
      case 0: bytes.insert(at, 1, byte); break;
      case 1: bytes.erase(at, 1 + chance(8)); break;
      case 2: bytes.insert(at, bytes.substr(chance(bytes.size() + 1), chance(40))); break;
      case 3: bytes.resize(at); break;
      default:
        if (at < bytes.size()) bytes[at] = byte;
        break;
    }
  }
}

void run(const std::string& path, const std::string& bytes, long copy) {
  if (copy == 0)
    std::printf("%s\n", path.c_str());
  else
    std::printf("%s, copy %ld\n", path.c_str(), copy);
  std::fflush(stdout);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void replay(const std::string& path, long copies) {
  if (DIR* const folder = opendir(path.c_str())) {
    while (const dirent* const entry = readdir(folder))
      if (entry->d_name[0] != '.') replay(path + "/" + static_cast<const char*>(entry->d_name), copies);
    closedir(folder);
    return;
  }
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    std::perror(path.c_str());
    std::exit(1);
  }
  std::string bytes(1 << 16, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
  std::fclose(file);
  run(path, bytes, 0);
  state = seed;
  for (long copy = 1; copy <= copies; ++copy) {
    std::string damaged = bytes;
    damage(damaged);
    run(path, damaged, copy);
  }
}

}  // namespace

int main(int argc, char** argv) {
  char* end = argv[0];
  const long copies = argc > 1 ? std::strtol(argv[1], &end, 10) : 0;
  const bool counted = argc > 1 && *end == '\0';
  for (int i = counted ? 2 : 1; i < argc; ++i) replay(argv[i], counted ? copies : 0);
}
