#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// The library's version, for `#if`. The only macros that hotline defines.
#define HOTLINE_VERSION_MAJOR 0
#define HOTLINE_VERSION_MINOR 1
#define HOTLINE_VERSION_PATCH 0
#define HOTLINE_VERSION_STRING "0.1.0"

namespace hotline {

/// The wire protocol's version, which clients receive as `connected.protocol`.
inline constexpr int protocol_version = 1;

}  // namespace hotline
#endif
