# Before find_package(CapnProto): its package file looks for libatomic with a test that only compiles as C,
# and stops in a project without C. The answer for C++ is known (the compiler brings libatomic), so it is
# given beforehand.
if(NOT CMAKE_C_COMPILER_LOADED)
  set(FOUND_LIBATOMIC TRUE)
endif()
