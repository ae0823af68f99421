#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

// The only place that includes websocketpp: its frame codec, without Asio, Boost, loggers or a transport of its own.
// A header that a system header includes is a system header too, so the host's warning flags stay out of websocketpp
// wherever the host's build found it.
#pragma GCC system_header

#include <websocketpp/frame.hpp>
#endif
