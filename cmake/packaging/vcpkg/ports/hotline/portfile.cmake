# An overlay port: the checkout that it lies in is the source.
#
#   vcpkg install "hotline[deflate,tls]" --overlay-ports=<checkout>/cmake/packaging/vcpkg/ports
#
# vcpkg looks at the port's own files to see what has changed: after an update of the checkout `vcpkg remove hotline` and
# --no-binarycaching make it again.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release)    # headers: one build serves debug and release

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DHOTLINE_BUILD_TESTS=OFF
    -DHOTLINE_BUILD_EXAMPLES=OFF
    -DHOTLINE_BUILD_BENCHMARKS=OFF
    -DHOTLINE_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/hotline)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE
  "${CURRENT_PACKAGES_DIR}/lib"
  "${CURRENT_PACKAGES_DIR}/share/cmake"
  "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
