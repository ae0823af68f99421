#pragma once
#include <hotline/transport/posix_only.hpp>
#if HOTLINE_DETAIL_POSIX

#include <hotline/transport/asio_dialer.hpp>

namespace hotline {

template class basic_asio_dialer<asio::io_context::executor_type, detail::dial_layer>;

}  // namespace hotline
#endif
