#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

// The only place that includes websocketpp: its codec, without Asio, Boost, loggers or a transport of its own.
// What a system header includes is a system header too, so the host's warning flags stay out of websocketpp
// wherever the host's build found it.
#pragma GCC system_header

// Several of websocketpp's headers use these without including them.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <websocketpp/base64/base64.hpp>
#include <websocketpp/frame.hpp>
#include <websocketpp/sha1/sha1.hpp>
#endif
