# hotline_add_module(<file>): makes hotline::module, a static library of the module unit hotline.cppm, for sources that say
# `import hotline;`. Used by the source tree and by the installed package alike: like hotline::compiled, which it links, it
# is compiled in the build of its host, since a compiled module fits one compiler and its options alone.
#
#   hotline_module_is_possible(<result>)
#
# tells whether this CMake, its generator and the compiler build modules. A host that adds hotline's directory calls
# `hotline_add_module()`; find_package does so for the component `module`.

function(hotline_module_is_possible result)
  set(${result} FALSE PARENT_SCOPE)
  if(CMAKE_VERSION VERSION_LESS 3.28 OR NOT CMAKE_GENERATOR MATCHES "Ninja|Visual Studio")
    return()
  endif()
  # g++ 14 and 15 do not get through Asio in a module.
  if((CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 16
      AND CMAKE_CXX_COMPILER_CLANG_SCAN_DEPS)
      OR (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 16))
    set(${result} TRUE PARENT_SCOPE)
  endif()
endfunction()

function(hotline_add_module)
  if(TARGET hotline_module)
    return()
  endif()
  set(unit "${ARGV0}")
  if(NOT unit)
    set(unit "${hotline_SOURCE_DIR}/include/hotline/hotline.cppm")
  endif()
  hotline_module_is_possible(possible)
  if(NOT possible)
    message(FATAL_ERROR "hotline::module needs CMake 3.28, Ninja, and clang 16 with clang-scan-deps or g++ 16, or newer ones")
  endif()
  get_filename_component(folder "${unit}" DIRECTORY)
  add_library(hotline_module STATIC EXCLUDE_FROM_ALL)
  add_library(hotline::module ALIAS hotline_module)
  target_sources(hotline_module PUBLIC FILE_SET hotline_module TYPE CXX_MODULES BASE_DIRS "${folder}" FILES "${unit}")
  target_link_libraries(hotline_module PUBLIC hotline::compiled)
  set_target_properties(hotline_module PROPERTIES CXX_SCAN_FOR_MODULES ON POSITION_INDEPENDENT_CODE ON)
endfunction()
