#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/epoll_dialer.hpp>

namespace hotline {

template class basic_epoll_dialer<detail::dial_layer>;

}  // namespace hotline
#endif
