target_link_libraries(${program} PRIVATE CURL::libcurl)
target_compile_definitions(${program} PRIVATE EMAIL_SERVER="${CMAKE_CURRENT_SOURCE_DIR}/email/server.py")
