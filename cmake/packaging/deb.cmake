# `cpack --config build/CPackConfig.cmake` makes libhotline-dev_<version>_all.deb of what `cmake --install` installs.
# Included by install.cmake where hotline is the top level: a host that adds this directory has a CPack of its own.
#
# A distribution's packager gives its own name and address: -D CPACK_DEBIAN_PACKAGE_MAINTAINER="Name <address>".

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libhotline-dev)
set(CPACK_PACKAGE_VENDOR "The hotline authors")
set(CPACK_PACKAGE_CONTACT "The hotline authors <hotline@localhost.localdomain>")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)    # headers, scripts and texts
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libasio-dev (>= 1:1.22), libwebsocketpp-dev (>= 0.8.2), rapidjson-dev (>= 1.1.0)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "zlib1g-dev, libssl-dev (>= 3.0), libboost-dev (>= 1.74)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# The first line is the project's description.
set(CPACK_PACKAGE_DESCRIPTION "Browsers connect, receive the events of their project in order and without
silent loss, and send commands that get answers. After a lost network or a
closed lid a client resumes where it was.
.
The headers are the whole library. Compression needs zlib1g-dev, TLS without
a proxy needs libssl-dev, and a loop of Boost.Asio's needs libboost-dev.")

# The places that Debian's policy wants, whose names are the package's.
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/deb_texts.cmake")
set(CPACK_HOTLINE_SOURCE "${PROJECT_SOURCE_DIR}")

include(CPack)
