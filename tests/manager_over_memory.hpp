#pragma once

// The manager that most tests are about, compiled once for all of them: each would else spend ten seconds on it.

#include <hotline/manager/core.hpp>
#include <hotline/transport/memory_transport.hpp>
#include <hotline/ws_manager.hpp>

namespace hotline {

extern template class ws_manager<memory_transport>;

namespace detail {

extern template class delivery<memory_transport, interval_heartbeat>;
extern template class client<delivery<memory_transport, interval_heartbeat>>;
extern template class manager_core<memory_transport, interval_heartbeat>;

}  // namespace detail
}  // namespace hotline
