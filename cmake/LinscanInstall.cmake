# `cmake --install`: tools, headers, libraries, data files and a CMake package for find_package(linscan).
include_guard(GLOBAL)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_linscan_targets linscan_core)
if(LINSCAN_WITH_TORCH)
  list(APPEND _linscan_targets linscan_torch)
endif()
install(TARGETS ${_linscan_targets} EXPORT linscanTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/linscan PATTERN "__pycache__" EXCLUDE)
install(EXPORT linscanTargets NAMESPACE linscan:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/linscan)
configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/linscanConfig.cmake.in" "${CMAKE_BINARY_DIR}/linscanConfig.cmake"
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/linscan)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/linscanConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/linscanConfig.cmake" "${CMAKE_BINARY_DIR}/linscanConfigVersion.cmake"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/linscan)
