# Compiler flags of each instruction set level: the kernels of a level are the files <name>.cpp below
# csrc/kernels. The rest of the build keeps to the baseline of the architecture.
# (gcc 12 takes the undefined operand of its own AVX-512 intrinsics for an uninitialised variable.)
set(EDGERT_ISA_x86
    "avx2|-mavx2 -mfma -mf16c"
    "avx_vnni|-mavx2 -mfma -mf16c -mavxvnni"
    "avx512|-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512 -Wno-uninitialized -Wno-maybe-uninitialized"
    "avx512_vnni|-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx2 -mfma -mf16c -Wno-uninitialized -Wno-maybe-uninitialized"
    "amx_int8|-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -Wno-uninitialized -Wno-maybe-uninitialized")
set(EDGERT_ISA_aarch64
    "neon|"
    "neon_dot|-march=armv8.2-a+dotprod"
    "neon_i8mm|-march=armv8.2-a+i8mm")
set(EDGERT_ISA_arm
    "neon|-mfpu=neon-vfpv4")

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(EDGERT_ARCHITECTURE x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(EDGERT_ARCHITECTURE aarch64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^arm")
  set(EDGERT_ARCHITECTURE arm)
else()
  set(EDGERT_ARCHITECTURE other)
endif()

# Appends to `sources` the kernel files of this architecture, each with the flags of its level.
function(edgert_kernel_sources sources)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/csrc/kernels/*/select.cpp
       ${CMAKE_SOURCE_DIR}/csrc/kernels/*/portable.cpp)
  foreach(row IN LISTS EDGERT_ISA_${EDGERT_ARCHITECTURE})
    string(REGEX MATCH "^[^|]+" name "${row}")
    string(REGEX REPLACE "^[^|]+\\|" "" flags "${row}")
    separate_arguments(flags)
    file(GLOB isa_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/csrc/kernels/*/${name}.cpp)
    # No LTO: it would inline wide instructions into code that runs everywhere.
    set_source_files_properties(${isa_files} PROPERTIES COMPILE_OPTIONS "${flags};-fno-lto")
    list(APPEND files ${isa_files})
  endforeach()
  set(${sources} ${files} PARENT_SCOPE)
endfunction()
