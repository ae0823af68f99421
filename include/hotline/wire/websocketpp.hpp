#pragma once

// The only place that includes websocketpp: its codec, without Asio, Boost, loggers or a transport of its own.
// What a system header includes is a system header too, so the host's warning flags stay out of websocketpp
// wherever the host's build found it.
#pragma GCC system_header

// Several of websocketpp's headers use these without including them.
#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

// The order matters: the processor uses what stands before it.
#include <websocketpp/common/platforms.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>
