# Toolchain: Debian's cross compilers (g++-aarch64-linux-gnu, g++-arm-linux-gnueabihf), for the triple
# in EDGERT_CROSS. Tests run under QEMU; the environment's QEMU_CPU says as which CPU.
set(CMAKE_SYSTEM_NAME Linux)
set(EDGERT_CROSS "" CACHE STRING "Triple of the target, such as aarch64-linux-gnu")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EDGERT_CROSS)
string(REGEX MATCH "^[a-z0-9_]+" CMAKE_SYSTEM_PROCESSOR "${EDGERT_CROSS}")
set(CMAKE_C_COMPILER ${EDGERT_CROSS}-gcc)
set(CMAKE_CXX_COMPILER ${EDGERT_CROSS}-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${CMAKE_SYSTEM_PROCESSOR}-static -L /usr/${EDGERT_CROSS})
