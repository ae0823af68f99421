#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/transport/epoll_transport.hpp>

namespace hotline {

template class basic_epoll_transport<detail::plain_layer>;

}  // namespace hotline
#endif
