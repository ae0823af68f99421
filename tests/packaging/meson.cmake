# A Meson host takes hotline by the wrap in cmake/packaging/meson, from a repository made of the headers as they are.
# Included by run_case.cmake.

file(STRINGS "${SOURCE}/include/hotline/version.hpp" version REGEX "#define HOTLINE_VERSION_STRING ")
string(REGEX REPLACE ".*\"(.*)\".*" "\\1" version "${version}")
file(STRINGS "${SOURCE}/cmake/packaging/meson/packagefiles/hotline/meson.build" same REGEX "version: '${version}'")
if(NOT same)
  message(SEND_ERROR "meson.build's version is not ${version}")
endif()

set(repository "${build}/repository")
file(COPY "${SOURCE}/include" DESTINATION "${repository}")
set(git git -C "${repository}" -c user.name=test -c user.email=test@localhost -c init.defaultBranch=main)
run(${git} init -q)
run(${git} add .)
run(${git} commit -q -m headers)

set(host "${build}/host")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/meson/meson.build" "${CMAKE_CURRENT_LIST_DIR}/emits.cpp" DESTINATION "${host}")
file(COPY "${SOURCE}/cmake/packaging/meson/packagefiles" DESTINATION "${host}/subprojects")
file(READ "${SOURCE}/cmake/packaging/meson/hotline.wrap" wrap)
string(REGEX REPLACE "\nurl = [^\n]*" "\nurl = file://${repository}" wrap "${wrap}")
file(WRITE "${host}/subprojects/hotline.wrap" "${wrap}")

list(JOIN LAUNCHER " " launcher)
set(ENV{CXX} "${launcher} ${CXX}")
list(JOIN CXX_FLAGS " " flags)
set(ENV{CXXFLAGS} "${flags}")
run("${MESON}" setup "${build}/built" "${host}" --buildtype=plain)
run("${MESON}" compile -C "${build}/built" service)
run("${build}/built/service")
