# The module hotline.cppm exports each public name of the headers that it includes and of fwd.hpp, and a program that imports
# it compiles and runs. Included by run_case.cmake. Without CMake's own support, which older versions lack: that is the case
# `module`.

set(unit "${prefix}/include/hotline/hotline.cppm")
set(options -std=c++20 -pthread -DASIO_STANDALONE -DHOTLINE_COMPILED ${CXX_FLAGS} "-I${prefix}/include")

# ---------------------------------------------------------------------------------------------------------- the names

file(STRINGS "${unit}" includes REGEX "^#include <hotline/")
list(JOIN includes "\n" headers)
file(WRITE "${build}/names.cpp" "${headers}\n#include <hotline/fwd.hpp>\n")
run("${CXX}" ${options} -fsyntax-only -Xclang -ast-list "${build}/names.cpp")
string(REGEX REPLACE "[];[]" "" output "${output}")
string(REPLACE "\n" "\n\n" output "${output}")
# Parameters are in the list as well: of templates, which begin with a capital, and of functions in concepts, of one letter.
string(REGEX MATCHALL "\nhotline::([a-z][a-z_0-9]+|operator[^a-z\n]+)\n" declared "${output}")
list(TRANSFORM declared REPLACE "\n(hotline::)?" "")
# In parts of their own: what nobody outside may use, what only tests of hosts use, and what needs OpenSSL or Boost.
list(FILTER declared EXCLUDE REGEX "^(detail|testing|(tls|boost|(basic_)?ws_or_wss)_.*)$")
set(public ${declared})
list(REMOVE_DUPLICATES public)
file(READ "${unit}" text)
string(REGEX MATCHALL "\nusing hotline::[^;]+" exported "${text}")
list(TRANSFORM exported REPLACE "\nusing hotline::" "")
list(LENGTH public count)
if(count LESS 100)
  message(SEND_ERROR "only ${count} public names were found: ${public}")
endif()
foreach(name IN LISTS public)
  if(NOT name IN_LIST exported)
    message(SEND_ERROR "hotline.cppm does not export hotline::${name}")
  endif()
endforeach()

# A name that fwd.hpp alone declares would be exported without its definition.
file(STRINGS "${prefix}/include/hotline/fwd.hpp" forward REGEX "^(class|struct) [a-z_0-9]+;")
foreach(line IN LISTS forward)
  string(REGEX REPLACE "^(class|struct) ([a-z_0-9]+).*" "\\2" name "${line}")
  set(declarations ${declared})
  list(FILTER declarations INCLUDE REGEX "^${name}$")
  list(LENGTH declarations times)
  if(times EQUAL 1)
    message(SEND_ERROR "hotline.cppm exports hotline::${name}, and includes no header that defines it")
  endif()
endforeach()

# ------------------------------------------------------------------------------------------------------- the program

file(WRITE "${build}/hotline.cpp" "#include <hotline/src.hpp>\n")
run("${CXX}" ${options} --precompile "${unit}" -o "${build}/hotline.pcm")
run("${CXX}" -pthread ${CXX_FLAGS} -c "${build}/hotline.pcm" -o "${build}/module.o")
run("${CXX}" ${options} ${warnings} "-fmodule-file=hotline=${build}/hotline.pcm"
  -c "${CMAKE_CURRENT_LIST_DIR}/module/imports.cpp" -o "${build}/imports.o")
run(${LAUNCHER} "${CXX}" ${options} -c "${build}/hotline.cpp" -o "${build}/bodies.o")
run("${CXX}" -pthread ${CXX_FLAGS} "${build}/imports.o" "${build}/module.o" "${build}/bodies.o" -o "${build}/imports")
run("${build}/imports")
