// The library for clang-tidy: its templates, instantiated.
#include <hotline/hotline.hpp>
#include <hotline/transport/memory_transport.hpp>

template class hotline::ws_manager<hotline::asio_transport>;
template class hotline::ws_manager<hotline::memory_transport>;
