# One example as a test: it must exit with 0 (or STATUS) and print the line EXPECT. It runs twice in the same
# new directory, because a second run finds the data of the first.
# Usage: cmake -DPROGRAM=... -DDIRECTORY=... -DEXPECT=... [-DSTATUS=...] [-DARGUMENTS=...] [-DRUNS=...]
#   -P run_example.cmake
if(NOT DEFINED STATUS)
  set(STATUS 0)
endif()
if(NOT DEFINED RUNS)
  set(RUNS 2)
endif()
separate_arguments(ARGUMENTS)
file(REMOVE_RECURSE "${DIRECTORY}")
file(MAKE_DIRECTORY "${DIRECTORY}")
foreach(run RANGE 1 ${RUNS})
  execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} WORKING_DIRECTORY "${DIRECTORY}"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT status EQUAL STATUS)
    message(FATAL_ERROR "run ${run}: exit status ${status}, not ${STATUS}")
  endif()
  if(NOT "\n${output}" MATCHES "\n${EXPECT}\n")
    message(FATAL_ERROR "run ${run}: no line \"${EXPECT}\"")
  endif()
endforeach()
file(REMOVE_RECURSE "${DIRECTORY}")
