# Finds the header of xxHash, used inline (XXH_INLINE_ALL): nothing is linked, users of peerq do not need it.
find_path(XXHASH_INCLUDE_DIR xxhash.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(XxHash REQUIRED_VARS XXHASH_INCLUDE_DIR)
if(XxHash_FOUND AND NOT TARGET XxHash::headers)
  add_library(XxHash::headers INTERFACE IMPORTED)
  set_target_properties(XxHash::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")
endif()
mark_as_advanced(XXHASH_INCLUDE_DIR)
