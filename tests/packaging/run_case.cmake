# Runs one packaging test, see CMakeLists.txt here. CASE is install, pkg_config or without_components, a
# file beside this one, a folder, or both: the file is the first part then.

cmake_minimum_required(VERSION 3.24)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\n${out}\nended with ${code}")
  endif()
  set(output "${out}" PARENT_SCOPE)
endfunction()

set(prefix "${WORK}/prefix/${PREFIX}")
set(service "${CMAKE_CURRENT_LIST_DIR}/service.cpp")
# Hosts with stricter warnings than ours must get none from hotline's headers, nor from those that it includes.
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

if(CASE STREQUAL "install")
  if(NOT PREFIX STREQUAL "moved")
    file(REMOVE_RECURSE "${prefix}")
    run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}")
  else()
    set(first "${WORK}/prefix/before the move")
    file(REMOVE_RECURSE "${first}" "${prefix}")
    run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${first}")
    file(RENAME "${first}" "${prefix}")
    file(GLOB_RECURSE files "${prefix}/*")
    foreach(file IN LISTS files)
      file(READ "${file}" text)
      foreach(path IN ITEMS "${first}" "${SOURCE}" "${BUILD}")
        # As a path of its own: what is checked out in /hotline is neither in include/hotline nor in /hotline.js.
        string(REGEX REPLACE "([][+.*()^$?|\\\\])" "\\\\\\1" pattern "${path}")
        if(text MATCHES "(^|[^A-Za-z0-9_./}-]|-[IL])${pattern}($|[^A-Za-z0-9_.-])")
          message(SEND_ERROR "${file} names ${path}")
        endif()
      endforeach()
    endforeach()
  endif()
  foreach(needed IN ITEMS include/hotline/hotline.hpp share/cmake/hotline/hotlineConfig.cmake
          share/cmake/hotline/hotlineConfigVersion.cmake share/pkgconfig/hotline.pc share/pkgconfig/hotline-compiled.pc
          share/pkgconfig/hotline-tls.pc
          share/doc/hotline/LICENSE)
    if(NOT EXISTS "${prefix}/${needed}")
      message(SEND_ERROR "${needed} is not installed")
    endif()
  endforeach()
  return()
endif()

get_filename_component(compiler "${CXX}" NAME)
set(build "${WORK}/build/${CASE} ${PREFIX} ${compiler}")
string(STRIP "${build}" build)
string(REPLACE " " "_" build "${build}")
file(REMOVE_RECURSE "${build}")
file(MAKE_DIRECTORY "${build}")
separate_arguments(CXX_FLAGS)

if(CASE STREQUAL "pkg_config")
  set(ENV{PKG_CONFIG_PATH} "${prefix}/share/pkgconfig")
  run("${PKG_CONFIG}" --cflags --libs hotline)
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${LAUNCHER} "${CXX}" -std=c++20 ${CXX_FLAGS} ${warnings} -c "${service}" -o "${build}/service.o" ${flags})
  run("${CXX}" ${CXX_FLAGS} "${build}/service.o" -o "${build}/service" ${flags})
  run("${build}/service")
  run("${PKG_CONFIG}" --cflags --libs hotline-compiled)
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  file(WRITE "${build}/hotline.cpp" "#include <hotline/src.hpp>\n")
  foreach(source IN ITEMS "${service}" "${build}/hotline.cpp")
    get_filename_component(name "${source}" NAME_WE)
    run(${LAUNCHER} "${CXX}" -std=c++20 ${CXX_FLAGS} ${warnings} -c "${source}" -o "${build}/compiled_${name}.o" ${flags})
  endforeach()
  run("${CXX}" ${CXX_FLAGS} "${build}/compiled_service.o" "${build}/compiled_hotline.o" -o "${build}/compiled_service"
    ${flags})
  run("${build}/compiled_service")
  execute_process(COMMAND "${PKG_CONFIG}" --exists "openssl >= 3.0" RESULT_VARIABLE without_openssl)
  if(NOT without_openssl)
    run("${PKG_CONFIG}" --cflags --libs hotline-tls)
    string(STRIP "${output}" flags)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    run(${LAUNCHER} "${CXX}" -std=c++20 ${CXX_FLAGS} ${warnings} "${CMAKE_CURRENT_LIST_DIR}/secure_service.cpp"
      -o "${build}/secure_service" ${flags})
    run("${build}/secure_service")
  endif()
  return()
endif()

# A machine without them still gets a build, and a message about what is missing.
if(CASE STREQUAL "without_components")
  run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${build}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
    -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
    -DHOTLINE_BUILD_TESTS=ON -DHOTLINE_BUILD_EXAMPLES=ON -DHOTLINE_BUILD_BENCHMARKS=ON -DHOTLINE_INSTALL=ON)
  foreach(said IN ITEMS "no example 09_tls, it needs hotline::tls" "no tests of hotline::deflate" "no tests of hotline::tls")
    if(NOT output MATCHES "${said}")
      message(SEND_ERROR "configuring did not say: ${said}\n${output}")
    endif()
  endforeach()
  return()
endif()

if(CASE MATCHES "^(import|conan|conan_tree|vcpkg|meson)$")
  include("${CMAKE_CURRENT_LIST_DIR}/${CASE}.cmake")
  return()
endif()

# These try their package themselves first; then the folder is built against what they have made.
if(CASE STREQUAL "deb")
  include("${CMAKE_CURRENT_LIST_DIR}/deb.cmake")
  set(build "${build}/host")
endif()

list(JOIN CXX_FLAGS " " flags)
list(JOIN warnings " " warnings)
set(ENV{CMAKE_PREFIX_PATH} "${prefix}:${PREFIX_PATH}")
run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${CASE}" -B "${build}" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_CXX_FLAGS=${flags} ${warnings}"
  "-DHOTLINE_SOURCE=${SOURCE}" "-DHOTLINE_PREFIX=${prefix}"
  -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
run("${CMAKE_COMMAND}" --build "${build}")
foreach(program IN ITEMS service compiled_service mixed_service protocol_tests handler_test)
  if(EXISTS "${build}/${program}")
    run("${build}/${program}")
  endif()
endforeach()
