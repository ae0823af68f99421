#include <manager_over_memory.hpp>

template class hotline::ws_manager<hotline::memory_transport>;
template class hotline::detail::delivery<hotline::memory_transport, hotline::interval_heartbeat>;
template class hotline::detail::client<
    hotline::detail::delivery<hotline::memory_transport, hotline::interval_heartbeat>>;
template class hotline::detail::manager_core<hotline::memory_transport, hotline::interval_heartbeat>;
