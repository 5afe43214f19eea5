target_link_libraries(${program} PRIVATE PNG::PNG)
