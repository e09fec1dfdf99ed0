# SPDX-License-Identifier: MIT
# What `make install` copies. Nothing installed contains the prefix: pkg-config and CMake files find themselves, so the
# tree may be moved as a whole. keratin/summary*.h, reader.h, status.h and the library keratin-summary are enough for programs that
# only log.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/keratin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(TARGETS keratin_static keratin_shared keratin_summary_static keratin_summary_shared kt_dependencies
  kt_summary_dependencies
  EXPORT keratin ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(KT_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/keratin)
install(EXPORT keratin NAMESPACE keratin:: DESTINATION ${KT_CMAKE_FOLDER} FILE keratinTargets.cmake)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/keratinConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/keratinConfig.cmake INSTALL_DESTINATION ${KT_CMAKE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/keratinConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/keratinConfig.cmake ${PROJECT_BINARY_DIR}/cmake/keratinConfigVersion.cmake
  DESTINATION ${KT_CMAKE_FOLDER})

set(KT_PC_FOLDER ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH KT_PC_TO_PREFIX /p/${KT_PC_FOLDER} /p) # "../..", or deeper where lib is lib/x86_64-linux-gnu
string(REGEX REPLACE "/$" "" KT_PC_TO_PREFIX ${KT_PC_TO_PREFIX})
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr") # below /usr the loader looks by itself; elsewhere programs are told where
  set(KT_PC_RPATH " -Wl,-rpath,\${libdir}")
endif()
string(REPLACE ";" " " KT_PC_LIBS "${KT_PC_LIBS}")
foreach(name keratin keratin-summary)
  configure_file(${PROJECT_SOURCE_DIR}/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${KT_PC_FOLDER})
endforeach()
