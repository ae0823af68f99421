// What clang-tidy reads of the library: its templates, made real.
#include <hotline/hotline.hpp>
#include <hotline/transport/memory_transport.hpp>

template class hotline::ws_manager<hotline::asio_transport>;
template class hotline::ws_manager<hotline::memory_transport>;
