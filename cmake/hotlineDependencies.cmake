# Finds what hotline stands on: Asio (standalone), websocketpp, RapidJSON, threads. Used by the source tree and by the
# installed package alike.
#
#   hotline_find_dependencies(<missing>)
#
# defines hotline::dep_asio, hotline::dep_websocketpp and hotline::dep_rapidjson, and sets <missing> to the list of what
# was not found. They wrap, in this order: a target that the host already has, a config package, plain headers. No
# foreign name is ever defined here, so a host's own way of finding these libraries is never disturbed.
#
#   hotline_find_component(<component> <found>)
#
# does so for what an optional part stands on (deflate: zlib, hotline::dep_zlib; tls: OpenSSL 3, hotline::dep_openssl;
# boost_asio: Boost's headers, 1.74 or newer, hotline::dep_boost), lists those targets in
# hotline_<component>_libraries, and says whether they are there. The part `compiled` needs nothing besides; `module` needs
# what hotlineModule.cmake, which is included before, asks for, and hotline_module_needs says it in words.
# They are macros because imported targets belong to the directory that makes them.

macro(hotline_find_dependencies missing)
  set(${missing} "")

  # The standard library: libc++ before version 20 has std::stop_token only with a flag.
  if(NOT TARGET hotline::dep_standard_library)
    _hotline_add_wrapper(standard_library)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      include(CheckCXXSourceCompiles)
      set(_hotline_required_flags "${CMAKE_REQUIRED_FLAGS}")
      set(CMAKE_REQUIRED_FLAGS "${CMAKE_REQUIRED_FLAGS} -std=c++20")
      set(_hotline_required_quiet "${CMAKE_REQUIRED_QUIET}")
      set(CMAKE_REQUIRED_QUIET ON)
      check_cxx_source_compiles("#include <version>
        #if defined(_LIBCPP_VERSION) && !defined(__cpp_lib_jthread)
        #error
        #endif
        int main() {}" HOTLINE_HAS_STOP_TOKEN)
      set(CMAKE_REQUIRED_FLAGS "${_hotline_required_flags}")
      set(CMAKE_REQUIRED_QUIET "${_hotline_required_quiet}")
      unset(_hotline_required_flags)
      unset(_hotline_required_quiet)
      if(NOT HOTLINE_HAS_STOP_TOKEN)
        set_property(TARGET hotline::dep_standard_library PROPERTY INTERFACE_COMPILE_OPTIONS -fexperimental-library)
      endif()
    endif()
  endif()

  if(NOT TARGET Threads::Threads)
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_package(Threads QUIET)
  endif()
  if(NOT TARGET Threads::Threads)
    list(APPEND ${missing} "threads")
  endif()

  _hotline_wrap_target(asio asio::asio)
  if(NOT TARGET hotline::dep_asio)
    find_package(asio CONFIG QUIET)
    _hotline_wrap_target(asio asio::asio)
    _hotline_wrap_headers(asio HOTLINE_ASIO_INCLUDE_DIR asio/any_io_executor.hpp)
  endif()

  # Headers before the config package: that one demands its exact version and is an error when loaded twice.
  _hotline_wrap_target(websocketpp websocketpp::websocketpp)
  _hotline_wrap_headers(websocketpp HOTLINE_WEBSOCKETPP_INCLUDE_DIR websocketpp/frame.hpp)
  if(NOT TARGET hotline::dep_websocketpp)
    find_package(websocketpp CONFIG QUIET)
    _hotline_wrap_target(websocketpp websocketpp::websocketpp)
  endif()

  _hotline_wrap_target(rapidjson rapidjson RapidJSON)
  if(NOT TARGET hotline::dep_rapidjson)
    # Debian's config package prints a status line even when it is asked to be quiet.
    set(_hotline_log_level "${CMAKE_MESSAGE_LOG_LEVEL}")
    set(CMAKE_MESSAGE_LOG_LEVEL WARNING)
    find_package(RapidJSON CONFIG QUIET)
    set(CMAKE_MESSAGE_LOG_LEVEL "${_hotline_log_level}")
    unset(_hotline_log_level)
    _hotline_wrap_target(rapidjson rapidjson RapidJSON)
    # 1.1.0's config package has no target but says where the headers are.
    _hotline_wrap_headers(rapidjson HOTLINE_RAPIDJSON_INCLUDE_DIR rapidjson/reader.h
                          HINTS ${RAPIDJSON_INCLUDE_DIRS} ${RapidJSON_INCLUDE_DIRS})
  endif()

  foreach(_hotline_name IN ITEMS asio websocketpp rapidjson)
    if(NOT TARGET hotline::dep_${_hotline_name})
      list(APPEND ${missing} "${_hotline_name}")
    endif()
  endforeach()
  unset(_hotline_name)
endmacro()

macro(hotline_find_component component found)
  set(${found} FALSE)
  if("${component}" STREQUAL "deflate")
    set(hotline_deflate_libraries hotline::dep_zlib)
    _hotline_wrap_target(zlib ZLIB::ZLIB)
    if(NOT TARGET hotline::dep_zlib)
      find_package(ZLIB QUIET)
      _hotline_wrap_target(zlib ZLIB::ZLIB)
    endif()
  elseif("${component}" STREQUAL "tls")
    set(hotline_tls_libraries hotline::dep_openssl)
    _hotline_wrap_target(openssl OpenSSL::SSL)
    if(NOT TARGET hotline::dep_openssl)
      find_package(OpenSSL 3.0 QUIET COMPONENTS SSL Crypto)
      _hotline_wrap_target(openssl OpenSSL::SSL)
    endif()
  elseif("${component}" STREQUAL "boost_asio")
    set(hotline_boost_asio_libraries hotline::dep_boost)
    _hotline_wrap_target(boost Boost::headers Boost::boost)
    # Headers before the config package, which may be one of another version.
    _hotline_wrap_headers(boost HOTLINE_BOOST_INCLUDE_DIR boost/asio/any_io_executor.hpp)
    if(NOT TARGET hotline::dep_boost)
      find_package(Boost 1.74 CONFIG QUIET)
      _hotline_wrap_target(boost Boost::headers Boost::boost)
    endif()
  endif()
  if("${component}" STREQUAL "compiled")
    set(${found} TRUE)
  elseif("${component}" STREQUAL "module")
    set(hotline_module_needs "CMake 3.28, Ninja, and clang 16 with clang-scan-deps or g++ 16")
    hotline_module_is_possible(${found})
  elseif(hotline_${component}_libraries)
    set(${found} TRUE)
    foreach(_hotline_library IN LISTS hotline_${component}_libraries)
      if(NOT TARGET ${_hotline_library})
        set(${found} FALSE)
      endif()
    endforeach()
    unset(_hotline_library)
  endif()
endmacro()

# _hotline_wrap_target(<name> <target>…): the first of the targets that exists becomes hotline::dep_<name>.
macro(_hotline_wrap_target name)
  foreach(_hotline_target ${ARGN})
    if(NOT TARGET hotline::dep_${name} AND TARGET ${_hotline_target})
      _hotline_add_wrapper(${name})
      set_property(TARGET hotline::dep_${name} PROPERTY INTERFACE_LINK_LIBRARIES ${_hotline_target})
      # Their warnings are not the host's. (An imported target's own directories are system ones already.)
      set_property(TARGET hotline::dep_${name} PROPERTY INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
        "$<TARGET_PROPERTY:${_hotline_target},INTERFACE_INCLUDE_DIRECTORIES>")
    endif()
  endforeach()
  unset(_hotline_target)
endmacro()

# _hotline_wrap_headers(<name> <cache variable> <header> [HINTS dir…])
macro(_hotline_wrap_headers name variable header)
  if(NOT TARGET hotline::dep_${name})
    find_path(${variable} NAMES ${header} DOC "The directory that holds ${header}" ${ARGN})
    mark_as_advanced(${variable})
    if(${variable})
      _hotline_add_wrapper(${name})
      set_property(TARGET hotline::dep_${name} PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${${variable}}")
    endif()
  endif()
endmacro()

macro(_hotline_add_wrapper name)
  if(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
    add_library(hotline::dep_${name} INTERFACE IMPORTED GLOBAL)
  else()
    add_library(hotline::dep_${name} INTERFACE IMPORTED)
  endif()
endmacro()
