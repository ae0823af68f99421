#pragma once

/// \file
/// The language and library features that hotline needs. Each header includes this one first and is empty where they are
/// missing, so that a host reads one error and no others.

#if __cplusplus >= 202002L
#include <version>
#if defined(_LIBCPP_VERSION) && !defined(__cpp_lib_jthread)
#error \
    "hotline needs std::stop_token, which this libc++ has with -fexperimental-library (CMake's hotline::hotline adds it)"
#else
#define HOTLINE_DETAIL_LANGUAGE 1
#endif
#else
#error "hotline needs C++20: compile with -std=c++20 or newer"
#endif

#if !defined(HOTLINE_DETAIL_LANGUAGE)
#define HOTLINE_DETAIL_LANGUAGE 0
#endif
