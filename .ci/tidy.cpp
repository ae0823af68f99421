// The library for clang-tidy: its templates, instantiated.
#include <hotline/asio_epoll.hpp>
#include <hotline/epoll.hpp>
#include <hotline/hotline.hpp>
#include <hotline/transport/memory_transport.hpp>

template class hotline::ws_manager<hotline::asio_transport>;
template class hotline::ws_manager<hotline::memory_transport>;
template class hotline::ws_manager<hotline::epoll_transport>;
template class hotline::ws_manager<hotline::asio_epoll_transport>;
