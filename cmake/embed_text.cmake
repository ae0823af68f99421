# cmake -D TEXT=<file> -D HEADER=<file to write> -D NAME=<variable> -P embed_text.cmake
# Writes a header that holds the text as `inline constexpr std::string_view NAME`.
#
# As an array of characters, not as string literals: compilers limit the length of those (64 KiB in the standard), and
# in hex nothing in the text can mean anything to CMake or to the compiler.

file(READ "${TEXT}" hex HEX)
set(byte "[0-9a-f][0-9a-f]")
string(REPEAT "${byte}" 24 line)
string(REGEX REPLACE "(${line})" "\\1\n" hex "${hex}")
string(REGEX REPLACE "(${byte})" "'\\\\x\\1'," bytes "${hex}")
get_filename_component(source "${TEXT}" NAME)

file(WRITE "${HEADER}" "#pragma once
// Made from ${source} by embed_text.cmake.

#include <string_view>

// clang-format off
inline constexpr char ${NAME}_bytes[] = {
${bytes}
'\\0'};
inline constexpr std::string_view ${NAME}{${NAME}_bytes, sizeof ${NAME}_bytes - 1};
")
