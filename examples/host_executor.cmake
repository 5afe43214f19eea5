# g++ 12 sees Boost's own operator delete for coroutine frames as a mismatch when it inlines them.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(${program} PRIVATE -Wno-mismatched-new-delete)
endif()
