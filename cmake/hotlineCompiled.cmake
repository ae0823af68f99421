# hotline_add_compiled(): makes hotline::compiled, a static library of the bodies that hotline's headers only declare where
# HOTLINE_COMPILED is defined. Used by the source tree and by the installed package alike: the library is compiled in the
# build of its host, with the host's compiler, standard library and options, and only when something links it.

function(hotline_add_compiled)
  if(TARGET hotline_compiled)
    return()
  endif()
  set(source "${CMAKE_CURRENT_BINARY_DIR}/hotline_compiled.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#include <hotline/src.hpp>\n")
  add_library(hotline_compiled STATIC EXCLUDE_FROM_ALL "${source}")
  add_library(hotline::compiled ALIAS hotline_compiled)
  target_link_libraries(hotline_compiled PUBLIC hotline::hotline)
  target_compile_definitions(hotline_compiled PUBLIC HOTLINE_COMPILED)
  # A host's shared libraries may link it.
  set_target_properties(hotline_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
