#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/transport/epoll_dialer.hpp>

namespace hotline {

template class basic_epoll_dialer<detail::dial_layer>;

}  // namespace hotline
#endif
