#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/epoll_transport.hpp>

namespace hotline {

template class basic_epoll_transport<detail::plain_layer>;

}  // namespace hotline
#endif
