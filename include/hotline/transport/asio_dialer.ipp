#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/asio_dialer.hpp>

namespace hotline {

template class basic_asio_dialer<asio::io_context::executor_type, detail::dial_layer>;

}  // namespace hotline
#endif
