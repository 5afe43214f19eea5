# Install rules: headers, libraries, the CMake package and the pkg-config files, all with the same names.
include(CMakePackageConfigHelpers)

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/peerq")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/peerq" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.ipp")
install(TARGETS peerq_core peerq_all peerq_testkit EXPORT peerqTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT peerqTargets NAMESPACE peerq:: DESTINATION "${config_dir}")

if(NOT DEFINED BUILD_SHARED_LIBS)
  set(BUILD_SHARED_LIBS OFF)
endif()
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/peerqConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/peerqConfig.cmake" INSTALL_DESTINATION "${config_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/peerqConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/peerqConfig.cmake"
  "${PROJECT_BINARY_DIR}/peerqConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLMDB.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindSodium.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/PeerqCapnProtoQuirk.cmake"
  DESTINATION "${config_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# One .pc file per target: peerq (everything), peerq-core, peerq-testkit.
function(peerq_pkg_config name description libs requires)
  set(PC_NAME "${name}")
  set(PC_DESCRIPTION "${description}")
  set(PC_LIBS "${libs}")
  set(PC_REQUIRES "${requires}")
  set(PC_CFLAGS "-I\${includedir}")
  if(BUILD_SHARED_LIBS)
    string(APPEND PC_CFLAGS " -DPEERQ_SHARED")
  endif()
  # Relative to the file itself, so that the installed tree can be moved.
  set(PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
  cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR absolute)
  if(NOT absolute)
    file(RELATIVE_PATH PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    set(PC_PREFIX "\${pcfiledir}/${PC_PREFIX}")
  endif()
  foreach(kind LIB INCLUDE)
    set(dir "${CMAKE_INSTALL_${kind}DIR}")
    cmake_path(IS_ABSOLUTE dir absolute)
    if(NOT absolute)
      set(dir "\${prefix}/${dir}")
    endif()
    set(PC_${kind}DIR "${dir}")
  endforeach()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/peerq.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

if(BUILD_SHARED_LIBS)
  set(requires "")
  set(libs "-lpeerq")
else()
  set(requires "Requires: fmt, capnp, lmdb, libsodium")
  set(libs "-lpeerq -ldate-tz") # date has no .pc file
endif()
peerq_pkg_config(peerq-core "Embeddable durable message queue" "-L\${libdir} ${libs} -pthread" "${requires}")
peerq_pkg_config(peerq "Embeddable durable message queue, with the headers for Asio"
  "" "Requires: peerq-core")
peerq_pkg_config(peerq-testkit "Virtual time and fault injection for users of peerq"
  "-L\${libdir} -lpeerq_testkit" "Requires: peerq-core")
