# Toolchain: Clang and libc++ of the PyPI package ziglang, whose program is EDGERT_ZIG, for the target in
# EDGERT_CROSS: a triple with the oldest glibc to run on, such as aarch64-linux-gnu.2.28, or one of
# musl, such as arm-linux-musleabihf. The C++ library becomes part of what is linked.
set(EDGERT_CROSS "" CACHE STRING "Target, such as aarch64-linux-gnu.2.28")
set(EDGERT_ZIG "" CACHE FILEPATH "The program zig")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EDGERT_CROSS EDGERT_ZIG)
string(REGEX MATCH "^([a-z0-9_]+)-([a-z]+)" _ "${EDGERT_CROSS}")
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_MATCH_1})
if(CMAKE_MATCH_2 STREQUAL macos)
  set(CMAKE_SYSTEM_NAME Darwin)
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL arm)
  set(EDGERT_ZIG_CPU generic+v7a+vfp3d16-neon)  # as Debian's armhf: NEON only where it is asked for
endif()
set(_tools ${CMAKE_CURRENT_LIST_DIR}/../../build/cross/zig/${EDGERT_CROSS})
foreach(_tool cc c++ ar ranlib)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/zig.in ${_tools}/${_tool} @ONLY)
endforeach()
set(CMAKE_C_COMPILER ${_tools}/cc)
set(CMAKE_CXX_COMPILER ${_tools}/c++)
set(CMAKE_AR ${_tools}/ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${_tools}/ranlib CACHE FILEPATH "")
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)  # with it, exceptions abort on armv7
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${CMAKE_SYSTEM_PROCESSOR}-static)
