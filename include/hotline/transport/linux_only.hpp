#pragma once
#include <hotline/language.hpp>

/// \file
/// The system that the transports over epoll need. Each of their headers includes this one first and is empty on another
/// system, so that a host reads one error and no others.

#if HOTLINE_DETAIL_LANGUAGE && defined(__linux__)
#define HOTLINE_DETAIL_LINUX 1
#else
#define HOTLINE_DETAIL_LINUX 0
#if HOTLINE_DETAIL_LANGUAGE
#error "hotline's transports over epoll are for Linux; hotline::asio_transport is for other systems as well"
#endif
#endif
