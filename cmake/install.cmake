# The files of `cmake --install` and their places. All of it can be moved afterwards: nothing knows its own prefix.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Headers serve every architecture, so the package lies in share/, not lib/.
set(hotline_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/hotline")
set(hotline_pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(TARGETS hotline EXPORT hotlineTargets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
# For those whose pages are built with npm: the folder is a package.
install(FILES
  "${PROJECT_SOURCE_DIR}/include/hotline/browser/hotline.js"
  "${PROJECT_SOURCE_DIR}/include/hotline/browser/hotline.d.ts"
  "${PROJECT_SOURCE_DIR}/include/hotline/browser/package.json"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/hotline/browser")
# The module unit is a source: it is compiled where it is imported.
install(FILES "${PROJECT_SOURCE_DIR}/include/hotline/hotline.cppm" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/hotline")
install(EXPORT hotlineTargets NAMESPACE hotline:: DESTINATION "${hotline_package_dir}")
foreach(component IN LISTS hotline_components)
  install(TARGETS hotline_${component} EXPORT hotline_${component}Targets
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT hotline_${component}Targets NAMESPACE hotline:: DESTINATION "${hotline_package_dir}")
endforeach()

configure_package_config_file(cmake/hotlineConfig.cmake.in "${PROJECT_BINARY_DIR}/hotlineConfig.cmake"
  INSTALL_DESTINATION "${hotline_package_dir}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# While the version is 0.x a new minor may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/hotlineConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${PROJECT_BINARY_DIR}/hotlineConfig.cmake"
  "${PROJECT_BINARY_DIR}/hotlineConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/hotlineCompiled.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/hotlineDependencies.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/hotlineModule.cmake"
  DESTINATION "${hotline_package_dir}")

file(RELATIVE_PATH hotline_pc_to_prefix "/prefix/${hotline_pc_dir}" "/prefix")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(hotline_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(hotline_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
foreach(name IN ITEMS hotline hotline-compiled hotline-tls)
  configure_file("cmake/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${hotline_pc_dir}")
endforeach()

# As in the source tree, so that the pages' links lead somewhere.
install(FILES
  "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/examples/" DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples"
  FILES_MATCHING PATTERN "*.cpp" PATTERN "*.hpp" PATTERN dashboard EXCLUDE)
install(FILES "${PROJECT_SOURCE_DIR}/cmake/packaging/examples.cmake" RENAME CMakeLists.txt
  DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")

if(PROJECT_IS_TOP_LEVEL)
  include(cmake/packaging/deb.cmake)
endif()
