# Compiles kernels for the instruction set levels of csrc/core/isa.def. The rest of the build keeps to
# the baseline of the architecture.

# Reads the levels of the architecture that the compiler compiles for, weakest first: EDGERT_LEVELS,
# EDGERT_VECTOR_LEVELS of them, and EDGERT_LEVEL_FLAGS_<level>.
function(edgert_read_levels)
  set(levels_file ${CMAKE_SOURCE_DIR}/csrc/core/isa.def)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${levels_file})
  separate_arguments(preprocess UNIX_COMMAND "${CMAKE_CXX_FLAGS}")  # such as -m32
  if(CMAKE_CXX_COMPILER_TARGET)
    list(APPEND preprocess ${CMAKE_CXX_COMPILE_OPTIONS_TARGET}${CMAKE_CXX_COMPILER_TARGET})
  endif()
  # Macros that expand to themselves leave the rows as they are.
  list(APPEND preprocess -DLEVEL=LEVEL -DVECTOR_LEVEL=VECTOR_LEVEL -x c++ -E -P ${levels_file})
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} ${preprocess} OUTPUT_VARIABLE text
                  RESULT_VARIABLE failed)
  string(REGEX MATCHALL "(VECTOR_)?LEVEL\\([^\"]*\"[^\"]*\"\\)" rows "${text}")
  if(failed OR NOT rows)
    message(FATAL_ERROR "the compiler could not preprocess ${levels_file}")
  endif()
  foreach(row IN LISTS rows)
    if(row MATCHES ", *false *,")  # no CPU has it
      continue()
    endif()
    string(REGEX MATCH "^(VECTOR_)?LEVEL\\(([a-z0-9_]+),[^\"]*\"([^\"]*)\"" row "${row}")
    set(level ${CMAKE_MATCH_2})
    list(APPEND levels ${level})
    if(CMAKE_MATCH_1)
      list(APPEND vector_levels ${level})
    endif()
    separate_arguments(flags UNIX_COMMAND "${CMAKE_MATCH_3}")
    set(EDGERT_LEVEL_FLAGS_${level} ${flags} PARENT_SCOPE)
  endforeach()
  set(EDGERT_LEVELS ${levels} PARENT_SCOPE)
  set(EDGERT_VECTOR_LEVELS ${vector_levels} PARENT_SCOPE)
endfunction()

# An object library of sources that are compiled for a level.
function(edgert_add_level_library name level)
  add_library(${name} OBJECT ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/csrc)
  target_compile_definitions(${name} PRIVATE EDGERT_LEVEL=${level})
  # No LTO: it would inline instructions of the level into code that runs everywhere.
  target_compile_options(${name} PRIVATE ${EDGERT_LEVEL_FLAGS_${level}} -fno-lto)
endfunction()

# Adds a library edgert_kernels_<level> for each level that has kernels, and to `objects` its objects:
# every <family>/<level>.cpp and, for a level with vectors, every <family>/kernel.cpp beside which
# there is no such file.
function(edgert_add_kernels objects)
  set(kernels ${CMAKE_SOURCE_DIR}/csrc/kernels)
  file(GLOB for_vectors CONFIGURE_DEPENDS ${kernels}/*/kernel.cpp)
  foreach(level IN LISTS EDGERT_LEVELS)
    file(GLOB sources CONFIGURE_DEPENDS ${kernels}/*/${level}.cpp)
    if(level IN_LIST EDGERT_VECTOR_LEVELS)
      foreach(source IN LISTS for_vectors)
        string(REPLACE /kernel.cpp /${level}.cpp of_level ${source})
        if(NOT of_level IN_LIST sources)
          list(APPEND sources ${source})
        endif()
      endforeach()
      list(APPEND sources ${kernels}/level.cpp)
    endif()
    if(sources)
      edgert_add_level_library(edgert_kernels_${level} ${level} ${sources})
      list(APPEND ${objects} $<TARGET_OBJECTS:edgert_kernels_${level}>)
    endif()
  endforeach()
  set(${objects} ${${objects}} PARENT_SCOPE)
endfunction()
