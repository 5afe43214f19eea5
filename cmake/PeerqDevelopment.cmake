# What only the developers of peerq need: warnings, sanitizers, ccache, places of the outputs.
# Nothing here acts when peerq is a part of another project, unless its option is set.

option(PEERQ_WARNINGS "Compile peerq's own sources with many warnings" ${PROJECT_IS_TOP_LEVEL})
set(PEERQ_UNITY tests CACHE STRING "What is compiled several sources of a folder at a time: tests, all, none")
set(PEERQ_SANITIZE "" CACHE STRING "Sanitizers for everything that is built, e.g. address,undefined")
set(PEERQ_TEST_PREFIX "" CACHE STRING "What the names of the tests begin with in this build")

set(PEERQ_DEVELOPING_STATIC ${PROJECT_IS_TOP_LEVEL})
if(BUILD_SHARED_LIBS)
  set(PEERQ_DEVELOPING_STATIC OFF)
endif()

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, ..." FORCE)
  endif()
  find_program(PEERQ_CCACHE ccache)
  if(PEERQ_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${PEERQ_CCACHE}")
    set(CMAKE_C_COMPILER_LAUNCHER "${PEERQ_CCACHE}")
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endif()

if(PEERQ_SANITIZE)
  add_compile_options("-fsanitize=${PEERQ_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${PEERQ_SANITIZE}")
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(PEERQ_SANITIZE MATCHES "thread")
    add_compile_options(-Wno-tsan)
  endif()
endif()

# peerq_unity(<target> [TESTS] <sources>...): these are compiled in groups (docs/decisions.md, D20), each of
# one folder, so that a folder's foreign headers stay with it.
function(peerq_unity target)
  cmake_parse_arguments(arg "TESTS" "" "" ${ARGN})
  if(PEERQ_UNITY STREQUAL "all")
    set(size 8)
  elseif(PEERQ_UNITY STREQUAL "tests" AND arg_TESTS)
    set(size 4) # the fewer, the sooner a changed test is compiled
  else()
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
    cmake_path(GET source PARENT_PATH folder)
    file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}" "${folder}")
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    list(APPEND ${folder} "${source}")
    list(LENGTH ${folder} count)
    math(EXPR group "(${count} - 1) / ${size}")
    set_property(SOURCE "${source}" TARGET_DIRECTORY ${target} PROPERTY UNITY_GROUP "${folder}_${group}")
  endforeach()
endfunction()

# The language level, visibility and warnings of a target of ours.
function(peerq_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  if(PEERQ_WARNINGS)
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
  endif()
endfunction()
