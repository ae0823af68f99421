# Compiles for Windows of 64 bits on Debian, and runs what it has made with wine where that is installed:
#
#   apt-get install --no-install-recommends g++-mingw-w64-x86-64-posix libz-mingw-w64-dev wine wine64
#   cmake -S . -B build-windows -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/mingw-w64.cmake"
#
# The posix variant of g++ has threads. Programs are linked with all that is not Windows' own, so each is one file. Asio,
# websocketpp, RapidJSON and Catch2 are headers that serve any system: those of this machine are used, without the folder that
# they stand in, for that has the headers of this machine's C library.

set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(ZLIB_USE_STATIC_LIBS ON)

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

find_program(HOTLINE_WINE NAMES wine DOC "wine, to run programs for Windows")
mark_as_advanced(HOTLINE_WINE)
if(HOTLINE_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${HOTLINE_WINE}")
endif()

get_property(hotline_is_trying GLOBAL PROPERTY IN_TRY_COMPILE)
if(NOT hotline_is_trying)
  set(hotline_shared_headers "${CMAKE_BINARY_DIR}/shared-headers")
  list(APPEND CMAKE_FIND_ROOT_PATH "${hotline_shared_headers}")
  file(MAKE_DIRECTORY "${hotline_shared_headers}/include")
  foreach(name IN ITEMS asio asio.hpp websocketpp rapidjson catch2)
    if(EXISTS "/usr/include/${name}" AND NOT EXISTS "${hotline_shared_headers}/include/${name}")
      file(CREATE_LINK "/usr/include/${name}" "${hotline_shared_headers}/include/${name}" SYMBOLIC)
    endif()
  endforeach()
  # Catch2 2.13 is headers alone, but its package names their folder, and brings the module that finds tests.
  if(EXISTS /usr/lib/cmake/Catch2/Catch.cmake AND EXISTS "${hotline_shared_headers}/include/catch2/catch.hpp")
    file(CONFIGURE OUTPUT "${hotline_shared_headers}/lib/cmake/Catch2/Catch2Config.cmake" @ONLY CONTENT [[
if(NOT TARGET Catch2::Catch2)
  add_library(Catch2::Catch2 INTERFACE IMPORTED)
  set_target_properties(Catch2::Catch2 PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "@hotline_shared_headers@/include")
endif()
list(APPEND CMAKE_MODULE_PATH /usr/lib/cmake/Catch2)
]])
    configure_file(/usr/lib/cmake/Catch2/Catch2ConfigVersion.cmake
      "${hotline_shared_headers}/lib/cmake/Catch2/Catch2ConfigVersion.cmake" COPYONLY)
  endif()
endif()
unset(hotline_is_trying)
