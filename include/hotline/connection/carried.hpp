#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/connection/rates.hpp>

namespace hotline::detail {

/// The part of a session that the connection which carries it reads and changes.
struct carried {
  rates used{};  ///< the part of the session's rates that is used up
};

}  // namespace hotline::detail
#endif
