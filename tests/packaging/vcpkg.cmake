# The overlay ports in cmake/packaging/vcpkg: their manifests agree with the library, and their portfiles, run with as much of
# vcpkg's functions as they call, make packages in a tree of vcpkg's shape, in which a host's CMake finds all that it compiles
# with. Included by run_case.cmake.

set(ports "${SOURCE}/cmake/packaging/vcpkg/ports")
set(tree "${build}/installed/x64-linux")

# ------------------------------------------------------------------------------------------------------ the manifests

file(READ "${ports}/hotline/vcpkg.json" manifest)
string(JSON version GET "${manifest}" version)
file(STRINGS "${SOURCE}/include/hotline/version.hpp" found REGEX "#define HOTLINE_VERSION_STRING \"${version}\"")
if(NOT found)
  message(SEND_ERROR "the port's version, ${version}, is not that of version.hpp")
endif()
foreach(feature IN ITEMS deflate tls)
  string(JSON needed GET "${manifest}" features ${feature} dependencies 0)
endforeach()
file(READ "${ports}/websocketpp/vcpkg.json" manifest)
string(JSON name GET "${manifest}" name)

# ------------------------------------------------------------------------------ what is there before, in vcpkg's shape

set(headers /usr/include)
if(NOT EXISTS "${headers}/asio.hpp" OR NOT EXISTS "${headers}/websocketpp" OR NOT EXISTS "${headers}/rapidjson")
  message("not tried: the portfiles, which need headers in ${headers}")
  return()
endif()
file(MAKE_DIRECTORY "${tree}/include" "${build}/downloaded/zaphoyd/websocketpp")
foreach(name IN ITEMS asio asio.hpp rapidjson)
  file(CREATE_LINK "${headers}/${name}" "${tree}/include/${name}" SYMBOLIC)
endforeach()
file(CREATE_LINK "${headers}/websocketpp" "${build}/downloaded/zaphoyd/websocketpp/websocketpp" SYMBOLIC)
file(WRITE "${build}/downloaded/zaphoyd/websocketpp/COPYING" "as they are\n")
foreach(package IN ITEMS asio:asio-config.cmake:asio::asio rapidjson:RapidJSONConfig.cmake:rapidjson)
  string(REGEX MATCH "^([^:]+):([^:]+):(.+)$" package "${package}")
  file(WRITE "${tree}/share/${CMAKE_MATCH_1}/${CMAKE_MATCH_2}" "if(NOT TARGET ${CMAKE_MATCH_3})
  add_library(${CMAKE_MATCH_3} INTERFACE IMPORTED)
  target_include_directories(${CMAKE_MATCH_3} INTERFACE \"\${CMAKE_CURRENT_LIST_DIR}/../../include\")
endif()
")
endforeach()
file(WRITE "${build}/toolchain.cmake" "set(CMAKE_PREFIX_PATH \"${tree}\")
set(CMAKE_CXX_COMPILER \"${CXX}\")
set(CMAKE_CXX_COMPILER_LAUNCHER \"${LAUNCHER}\")
set(CMAKE_FIND_USE_PACKAGE_REGISTRY OFF)
")

# ----------------------------------------------------------------------------------------------------------- the ports

foreach(port IN ITEMS websocketpp hotline)
  set(package "${build}/packages/${port}")
  file(MAKE_DIRECTORY "${package}" "${build}/buildtrees/${port}")
  run("${CMAKE_COMMAND}" -D "PORT=${port}" -D "PORTS=${ports}" -D "CURRENT_PACKAGES_DIR=${package}"
    -D "CURRENT_BUILDTREES_DIR=${build}/buildtrees/${port}" -D "DOWNLOADED=${build}/downloaded" -D "GENERATOR=${GENERATOR}"
    -D "TOOLCHAIN=${build}/toolchain.cmake" -P "${CMAKE_CURRENT_LIST_DIR}/vcpkg/functions.cmake")
  # As vcpkg's checks after a build: a licence, nothing in lib/, cmake files below share/<port> alone.
  if(NOT EXISTS "${package}/share/${port}/copyright")
    message(SEND_ERROR "${port} has no copyright")
  endif()
  file(GLOB_RECURSE misplaced "${package}/lib/*" "${package}/share/cmake/*" "${package}/share/doc/*")
  if(misplaced)
    message(SEND_ERROR "${port} leaves ${misplaced}")
  endif()
  file(COPY "${package}/" DESTINATION "${tree}")
endforeach()

# ------------------------------------------------------------------------------------------------------------ the host

run("${CMAKE_COMMAND}" -S "${SOURCE}/cmake/packaging/conan/test_package" -B "${build}/host" -G "${GENERATOR}"
  "-DCMAKE_TOOLCHAIN_FILE=${build}/toolchain.cmake" -DCMAKE_BUILD_TYPE=None -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
  "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}")
file(READ "${build}/host/compile_commands.json" commands)
file(STRINGS "${build}/host/CMakeCache.txt" cached REGEX "^HOTLINE_[A-Z]+_INCLUDE_DIR:")
string(FIND "${commands}" " ${tree}/" found)
if(found EQUAL -1 OR cached MATCHES "/usr/include")
  message(SEND_ERROR "not built with the tree's headers alone: ${commands} ${cached}")
endif()
