# libedgert, edgert-run, and what other projects find them by.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(BUILD_SHARED_LIBS AND EDGERT_STATIC)
  message(FATAL_ERROR "EDGERT_STATIC links edgert-run with nothing shared: BUILD_SHARED_LIBS is ON")
endif()

add_library(edgert $<TARGET_OBJECTS:edgert_runtime> ${kernel_objects})
target_link_libraries(edgert PRIVATE Threads::Threads)
target_include_directories(edgert INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/csrc/api>
                                            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(edgert PROPERTIES LINKER_LANGUAGE CXX PUBLIC_HEADER csrc/api/edgert.h)
if(BUILD_SHARED_LIBS)
  set(exports ${CMAKE_SOURCE_DIR}/csrc/api/exports.map)
  target_link_options(edgert PRIVATE -Wl,--version-script=${exports})
  # The number of the API, which grows without breaking what was linked with it.
  set_target_properties(edgert PROPERTIES SOVERSION 1 LINK_DEPENDS ${exports})
endif()

file(GLOB run_sources CONFIGURE_DEPENDS csrc/run/*.cpp)
# The library shows nothing but the API: of what escapes text, the program has a copy.
add_executable(edgert-run ${run_sources} csrc/core/text.cpp)
target_include_directories(edgert-run PRIVATE csrc)
target_compile_options(edgert-run PRIVATE -Os)
target_link_libraries(edgert-run PRIVATE edgert)
if(EDGERT_STATIC)
  # All of the threads' library: before glibc 2.34 what is not asked for by name is a null pointer.
  target_sources(edgert-run PRIVATE ${no_demangling})
  target_link_options(edgert-run PRIVATE -static -Wl,--whole-archive -lpthread
                                         -Wl,--no-whole-archive)
elseif(BUILD_SHARED_LIBS)
  set_target_properties(edgert-run PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()
if(NOT EDGERT_SANITIZE)
  target_link_options(edgert-run PRIVATE -s)
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/edgert)
install(TARGETS edgert EXPORT edgert-targets COMPONENT edgert
        PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT edgert)
install(TARGETS edgert-run COMPONENT edgert)
install(EXPORT edgert-targets NAMESPACE edgert:: DESTINATION ${package} COMPONENT edgert)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/edgert-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES csrc/api/edgert-config.cmake ${CMAKE_BINARY_DIR}/edgert-config-version.cmake
        DESTINATION ${package} COMPONENT edgert)

# For those who link without CMake: a static library needs C++'s, too.
if(NOT BUILD_SHARED_LIBS)
  if("c++" IN_LIST CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
    set(other_libraries " -lc++")
  else()
    set(other_libraries " -lstdc++")
  endif()
  string(APPEND other_libraries " -lm -pthread")
endif()
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)  # what is installed may be moved
configure_file(csrc/api/edgert.pc.in edgert.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/edgert.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT edgert)
