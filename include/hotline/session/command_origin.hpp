#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <string>

namespace hotline {

/// The sender of commands: the same for every command of a session.
struct command_origin {
  std::string connection_id;
  std::string project;
  std::string principal{};
};

}  // namespace hotline
#endif
