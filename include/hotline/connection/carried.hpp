#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/rates.hpp>

namespace hotline::detail {

/// A session as the connection sees it that carries it. A record: the connection changes it.
struct carried {
  rates used{};  ///< the part of the session's rates that is used up
};

}  // namespace hotline::detail
#endif
