#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio_transport.hpp>

namespace hotline {

template class basic_asio_transport<asio::io_context::executor_type, detail::plain_layer>;

}  // namespace hotline
#endif
