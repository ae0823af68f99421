#pragma once

// The manager that most tests are about, compiled once for all of them.

#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

extern template class hotline::ws_manager<hotline::memory_transport>;
