# Helpers for tests/, benchmarks/, examples/ and tools/.

# peerq_test_support: what every test program links: helpers of tests/support, the libraries, and the
# private headers. A test may include "support/<x>.hpp", "wire/<x>.hpp" (of lib/) and everything public.
function(peerq_test_support)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/support/*.cpp")
  add_library(peerq_test_support STATIC "${PROJECT_BINARY_DIR}/lib/empty.cpp" ${sources})
  peerq_target(peerq_test_support)
  peerq_unity(peerq_test_support TESTS ${sources})
  target_include_directories(peerq_test_support PUBLIC
    "${PROJECT_SOURCE_DIR}/lib" "${PROJECT_SOURCE_DIR}/tests")
  target_include_directories(peerq_test_support SYSTEM BEFORE PUBLIC ${PEERQ_CAPNP_COMPAT})
  # On one unit, so that a compiler cache serves all others to every tree.
  set_property(SOURCE "${PROJECT_SOURCE_DIR}/tests/support/paths.cpp" PROPERTY COMPILE_DEFINITIONS
    PEERQ_SOURCE_DIR="${PROJECT_SOURCE_DIR}" PEERQ_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(peerq_test_support PUBLIC
    peerq::testkit peerq::peerq fmt::fmt Catch2::Catch2 rapidcheck Boost::headers
    LMDB::LMDB Sodium::Sodium XxHash::headers CapnProto::capnp date::date-tz)
endfunction()

# peerq_test_suite(<name> [RECURSE] [TIMEOUT seconds]): the executable peerq_<name> out of tests/<name>.
function(peerq_test_suite name)
  cmake_parse_arguments(arg "RECURSE" "TIMEOUT" "" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${name}/*.cpp")
  if(NOT sources)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(PEERQ_SANITIZE)
    math(EXPR arg_TIMEOUT "4 * ${arg_TIMEOUT}")
  endif()
  add_executable(peerq_${name} ${sources})
  peerq_target(peerq_${name})
  peerq_unity(peerq_${name} TESTS ${sources})
  # A fifth less to compile; what the tests spend their time in are the libraries and tests/support.
  target_compile_options(peerq_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  # The libraries and tests/support have all checks, and the engine that tests use is made there
  # (support/naive_engine.hpp). In the tests themselves those at every access of memory cost a third.
  if(PEERQ_SANITIZE MATCHES "undefined")
    target_compile_options(peerq_${name} PRIVATE -fno-sanitize=null,alignment,vptr,object-size)
  endif()
  target_link_libraries(peerq_${name} PRIVATE peerq_test_support Catch2::Catch2WithMain)
  # The same random logs each time: a run of the tests fails for what was changed (docs/decisions.md, D31).
  set(seeds_args)
  set(seeds_environment)
  if(name STREQUAL "model")
    set(seeds_args EXTRA_ARGS --rng-seed 20261123)
    set(seeds_environment ENVIRONMENT RC_PARAMS=seed=20261123)
  endif()
  # The inner quotes keep the space: CMake takes them off, and spaces at the end too.
  catch_discover_tests(peerq_${name}
    TEST_PREFIX "'${PEERQ_TEST_PREFIX}${name}: '"
    WORKING_DIRECTORY "${PROJECT_BINARY_DIR}"
    SKIP_IS_FAILURE
    ${seeds_args}
    PROPERTIES LABELS "${name}" TIMEOUT ${arg_TIMEOUT} ${seeds_environment})
endfunction()

# peerq_programs(<prefix> LINK <targets> [WITHOUT <names>]): one executable <prefix><name> per <name>.cpp or
# folder <name>/ with sources in the calling folder, except those names. Extra arguments for one program: a
# file <name>/program.cmake or <name>.cmake, included after its target exists, as ${program}.
function(peerq_programs prefix)
  cmake_parse_arguments(arg "EXCLUDE_FROM_ALL" "" "LINK;WITHOUT" ${ARGN})
  set(exclude "")
  if(arg_EXCLUDE_FROM_ALL)
    set(exclude EXCLUDE_FROM_ALL)
  endif()
  file(GLOB entries CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*")
  foreach(entry IN LISTS entries)
    cmake_path(GET entry STEM name)
    if(name IN_LIST arg_WITHOUT)
      continue()
    endif()
    if(IS_DIRECTORY "${entry}")
      file(GLOB sources CONFIGURE_DEPENDS "${entry}/*.cpp")
      set(extra "${entry}/program.cmake")
    elseif(entry MATCHES "\\.cpp$")
      set(sources "${entry}")
      set(extra "${CMAKE_CURRENT_SOURCE_DIR}/${name}.cmake")
    else()
      continue()
    endif()
    if(sources)
      set(program "${prefix}${name}")
      add_executable(${program} ${exclude} ${sources})
      peerq_target(${program})
      peerq_unity(${program} ${sources})
      target_link_libraries(${program} PRIVATE ${arg_LINK})
      include("${extra}" OPTIONAL)
    endif()
  endforeach()
endfunction()
