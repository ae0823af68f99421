# cmake -P cmake/client_module.cmake                writes include/hotline/browser/client_module.hpp from hotline.js
# cmake -D CHECK=ON -P cmake/client_module.cmake    fails when the two are not the same
# The header is kept in the tree, for those who build without CMake. A build of hotline's own writes it when it is old.

set(client_module_folder "${CMAKE_CURRENT_LIST_DIR}/../include/hotline/browser")
file(READ "${client_module_folder}/hotline.js" client_module_text)
file(SHA256 "${client_module_folder}/hotline.js" client_module_tag)
string(SUBSTRING "${client_module_tag}" 0 16 client_module_tag)

set(client_module_header "#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// hotline.js as text, so that a manager can serve it. Made by cmake/client_module.cmake: change hotline.js, not this.

#include <string_view>

namespace hotline {

namespace detail {

// clang-format off
using std::literals::operator\"\"sv;  // knows how long a text is; to look for its end takes compilers a tenth of a second
inline constexpr auto client_module_text = R\"js(${client_module_text})js\"sv;
// clang-format on

/// Another one for each text.
inline constexpr std::string_view client_module_tag = \"\\\"${client_module_tag}\\\"\";

}  // namespace detail

/// The browser client: an ES module. `manager_options::client_module_path` says where it is served.
inline constexpr std::string_view client_module = detail::client_module_text;

}  // namespace hotline
#endif
")

set(client_module_found "")
if(EXISTS "${client_module_folder}/client_module.hpp")
  file(READ "${client_module_folder}/client_module.hpp" client_module_found)
endif()
if(NOT client_module_found STREQUAL client_module_header)
  if(CHECK)
    message(FATAL_ERROR "client_module.hpp is not made from hotline.js as it is: cmake -P cmake/client_module.cmake")
  endif()
  file(WRITE "${client_module_folder}/client_module.hpp" "${client_module_header}")
endif()
