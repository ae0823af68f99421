# The CMake that the Conan recipe calls, in a tree of Conan's shape: each package in a folder of its own, configs for
# find_package in one folder, and a toolchain file that names both. Included by run_case.cmake. No Conan is needed for it, and
# headers are looked for, not compiled: the case `conan` does the rest.

set(headers /usr/include)
if(NOT EXISTS "${headers}/asio.hpp" OR NOT EXISTS "${headers}/websocketpp" OR NOT EXISTS "${headers}/rapidjson")
  message("not tried: a tree of Conan's shape, which needs headers in ${headers}")
  return()
endif()
set(include_path "")
foreach(package IN ITEMS asio:asio:asio-config.cmake:asio::asio
        websocketpp:websocketpp:websocketpp-config.cmake:websocketpp::websocketpp rapidjson:rapidjson:RapidJSONConfig.cmake:rapidjson zlib:zlib.h:ZLIBConfig.cmake:ZLIB::ZLIB
        openssl:openssl:OpenSSLConfig.cmake:OpenSSL::SSL)
  string(REGEX MATCH "^([^:]+):([^:]+):([^:]+):(.+)$" package "${package}")
  set(name "${CMAKE_MATCH_1}")
  set(folder "${build}/p/${name}/p/include")
  file(MAKE_DIRECTORY "${folder}")
  file(CREATE_LINK "${headers}/${CMAKE_MATCH_2}" "${folder}/${CMAKE_MATCH_2}" SYMBOLIC)
  file(WRITE "${build}/generators/${CMAKE_MATCH_3}" "if(NOT TARGET ${CMAKE_MATCH_4})
  add_library(${CMAKE_MATCH_4} INTERFACE IMPORTED)
  target_include_directories(${CMAKE_MATCH_4} INTERFACE \"${folder}\")
endif()
set(${name}_FOUND TRUE)
")
  string(REGEX REPLACE "Config.cmake$" "ConfigVersion.cmake" version "${CMAKE_MATCH_3}")
  string(REGEX REPLACE "-config.cmake$" "-config-version.cmake" version "${version}")
  file(WRITE "${build}/generators/${version}" "set(PACKAGE_VERSION 3.0)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
  list(APPEND include_path "${folder}")
endforeach()
file(WRITE "${build}/generators/conan_toolchain.cmake" "set(CMAKE_FIND_PACKAGE_PREFER_CONFIG ON)
list(PREPEND CMAKE_PREFIX_PATH \"${build}/generators\" \"${build}/package/share/cmake/hotline\")
list(PREPEND CMAKE_INCLUDE_PATH \"${include_path}\")
set(CMAKE_CXX_COMPILER \"${CXX}\")
set(CMAKE_FIND_USE_PACKAGE_REGISTRY OFF)
set(CMAKE_CXX_STANDARD 20)
")
set(toolchain "-DCMAKE_TOOLCHAIN_FILE=${build}/generators/conan_toolchain.cmake")

# But for Boost, which a host brings itself: the package remembers no place of it.
function(expect_of_the_tree folder)
  file(STRINGS "${folder}/CMakeCache.txt" found REGEX "^(HOTLINE_[A-Z]+_INCLUDE_DIR|[A-Za-z]+_DIR):[^=]+=/")
  foreach(entry IN LISTS found)
    string(FIND "${entry}" "=${build}/" here)
    if(here EQUAL -1 AND NOT entry MATCHES "^hotline_(BINARY|SOURCE)_DIR|^CMAKE|^HOTLINE_BOOST_")
      message(SEND_ERROR "found outside the tree: ${entry}")
    endif()
  endforeach()
endfunction()

run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${build}/hotline" -G "${GENERATOR}" "${toolchain}" -DCMAKE_BUILD_TYPE=Release
  -DHOTLINE_BUILD_TESTS=OFF -DHOTLINE_BUILD_EXAMPLES=OFF -DHOTLINE_BUILD_BENCHMARKS=OFF -DHOTLINE_INSTALL=ON)
expect_of_the_tree("${build}/hotline")
run("${CMAKE_COMMAND}" --install "${build}/hotline" --prefix "${build}/package")
run("${CMAKE_COMMAND}" -S "${SOURCE}/cmake/packaging/conan/test_package" -B "${build}/host" -G "${GENERATOR}" "${toolchain}"
  -DCMAKE_BUILD_TYPE=Release "-DHOTLINE_COMPONENTS=deflate;tls")
expect_of_the_tree("${build}/host")
file(STRINGS "${build}/host/CMakeCache.txt" found REGEX "^hotline_DIR:PATH=")
string(FIND "${found}" "=${build}/package/" here)
if(here EQUAL -1)
  message(SEND_ERROR "another hotline: ${found}")
endif()

# The recipes are Python.
if(PYTHON)
  foreach(recipe IN ITEMS conanfile.py test_package/conanfile.py)
    run("${PYTHON}" -c "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')"
      "${SOURCE}/cmake/packaging/conan/${recipe}")
  endforeach()
endif()
