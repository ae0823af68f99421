#pragma once
#include <hotline/language.hpp>

/// \file
/// The systems that the dialers over sockets need. Each of their headers includes this one first and is empty on another
/// system, so that a host reads one error and no others.

#if HOTLINE_DETAIL_LANGUAGE && !defined(_WIN32)
#define HOTLINE_DETAIL_POSIX 1
#else
#define HOTLINE_DETAIL_POSIX 0
#if HOTLINE_DETAIL_LANGUAGE
#error "hotline's dialers over sockets are for POSIX systems; hotline::memory_dialer is for Windows as well"
#endif
#endif
