#include <manager_over_memory.hpp>

template class hotline::ws_manager<hotline::memory_transport>;
