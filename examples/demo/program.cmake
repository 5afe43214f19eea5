# The demo reads its arguments with CLI11 and digests files with libsodium, which peerq itself links.
find_package(CLI11 REQUIRED CONFIG)
target_link_libraries(${program} PRIVATE CLI11::CLI11 Sodium::Sodium)
