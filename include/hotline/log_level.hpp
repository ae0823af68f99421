#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

namespace hotline {

/// How much a log line matters.
enum class log_level { debug, info, warning };

}  // namespace hotline
#endif
