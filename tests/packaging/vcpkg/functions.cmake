# As much of vcpkg's functions as the portfiles in cmake/packaging/vcpkg call, for `cmake -P`. They take what vcpkg's take
# and refuse all else, and they leave files where vcpkg leaves them.

macro(take_arguments one many)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "${one}" "${many}")
  if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "not understood: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
endmacro()

function(vcpkg_from_github)
  take_arguments("OUT_SOURCE_PATH;REPO;REF;SHA512;HEAD_REF" "PATCHES")
  string(LENGTH "${arg_SHA512}" digits)
  if(NOT arg_SHA512 MATCHES "^[0-9a-f]+$" OR NOT digits EQUAL 128 OR NOT arg_REF OR NOT arg_REPO MATCHES "^[^/]+/[^/]+$")
    message(FATAL_ERROR "vcpkg_from_github would refuse: ${ARGN}")
  endif()
  set(${arg_OUT_SOURCE_PATH} "${DOWNLOADED}/${arg_REPO}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  take_arguments("SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${CURRENT_BUILDTREES_DIR}" -G "${GENERATOR}"
    ${arg_OPTIONS} "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}" "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}"
    -DCMAKE_BUILD_TYPE=Release COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${CURRENT_BUILDTREES_DIR}" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# One folder less between the files and the prefix.
function(vcpkg_cmake_config_fixup)
  take_arguments("CONFIG_PATH" "")
  file(GLOB configs "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*")
  if(NOT configs)
    message(FATAL_ERROR "nothing in ${arg_CONFIG_PATH}")
  endif()
  file(COPY ${configs} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}")
  file(GLOB configs "${CURRENT_PACKAGES_DIR}/share/${PORT}/*.cmake")
  foreach(config IN LISTS configs)
    file(READ "${config}" text)
    string(REPLACE "\${CMAKE_CURRENT_LIST_DIR}/../../../" "\${CMAKE_CURRENT_LIST_DIR}/../../" text "${text}")
    string(REGEX REPLACE "(get_filename_component\\(_IMPORT_PREFIX \"\\\${_IMPORT_PREFIX}\" PATH\\)[\n ]*)+"
      "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n"
      text "${text}")
    file(WRITE "${config}" "${text}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
  take_arguments("" "FILE_LIST")
  file(READ "${arg_FILE_LIST}" text)
  file(WRITE "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright" "${text}")
endfunction()

set(CURRENT_PORT_DIR "${PORTS}/${PORT}")
# Portfiles find their own files by it.
set(CMAKE_CURRENT_LIST_DIR "${CURRENT_PORT_DIR}")
include("${CURRENT_PORT_DIR}/portfile.cmake")
