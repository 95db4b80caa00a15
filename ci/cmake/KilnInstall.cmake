# What `cmake --install` lays down: bin, lib/kiln/plugins (added by each plugin), share/kiln (recipes with their limits
# and schemas). The programs find the rest from where they themselves lie: ../lib/kiln/plugins and ../share/kiln. The
# build tree has the same shape, so that what is tested is what is shipped.
foreach(program kiln kiln-virtual-rack)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION bin)
  endif()
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/recipes" DESTINATION share/kiln
        FILES_MATCHING PATTERN "*.yaml" PATTERN "*.json" PATTERN "*.md")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/config" DESTINATION share/kiln FILES_MATCHING PATTERN "*.yaml" PATTERN "*.json" PATTERN "demo_signers")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/" DESTINATION share/doc/kiln FILES_MATCHING PATTERN "*.md")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" DESTINATION share/doc/kiln)

# In the build tree share/kiln/recipes is the source folder itself: an edited recipe is the recipe that runs.
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/share/kiln")
file(CREATE_LINK "${PROJECT_SOURCE_DIR}/recipes" "${PROJECT_BINARY_DIR}/share/kiln/recipes" SYMBOLIC)
file(CREATE_LINK "${PROJECT_SOURCE_DIR}/config" "${PROJECT_BINARY_DIR}/share/kiln/config" SYMBOLIC)
