# Builds the examples against an installed hotline:
#
#   cmake -S /usr/share/doc/hotline/examples -B build && cmake --build build
cmake_minimum_required(VERSION 3.24)
project(hotline_examples LANGUAGES CXX)

set(optional_components deflate tls)
find_package(hotline CONFIG REQUIRED OPTIONAL_COMPONENTS ${optional_components})

file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  set(components "")
  set(missing "")
  foreach(component IN LISTS optional_components)
    file(STRINGS "${source}" includes REGEX "^#include <hotline/${component}\\.hpp>")
    if(includes AND hotline_${component}_FOUND)
      list(APPEND components hotline::${component})
    elseif(includes)
      list(APPEND missing "hotline::${component}")
    endif()
  endforeach()
  # Some show hotline beside another library, which needs more than this file knows.
  file(STRINGS "${source}" foreign REGEX "^ *#include <([A-Za-z0-9_]+[/.]|Q[A-Z])[^>]*>")
  list(FILTER foreign EXCLUDE REGEX "<(hotline|asio|sys|netinet|arpa)/|<(unistd|poll|fcntl|signal)\\.h>")
  list(APPEND missing ${foreign})
  if(missing)
    message(STATUS "no example ${name}, it needs ${missing}")
    continue()
  endif()
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE hotline::hotline ${components})
endforeach()
