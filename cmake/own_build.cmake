# How hotline builds its own tests and examples. Nothing here reaches a host: it is read only at the top level.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# CMake 3.28 and newer looks for modules in each source else, which doubles the steps.
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

# Sources and texts are installed, nothing that is built here: `make install` and cpack need no build.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

# Errors only where someone asks: -DCMAKE_COMPILE_WARNING_AS_ERROR=ON, as the dev preset and CI do.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A guess of the optimiser's; it guesses wrong where Asio is inlined.
  add_compile_options(-Wno-error=maybe-uninitialized -Wno-error=restrict)
endif()
# Code that compiles under it runs on old and new Asio alike.
add_compile_definitions(ASIO_NO_DEPRECATED)

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(HOTLINE_CCACHE ccache DOC "ccache, when compiling again should be quick")
  mark_as_advanced(HOTLINE_CCACHE)
  if(HOTLINE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${HOTLINE_CCACHE}")
  endif()
endif()
