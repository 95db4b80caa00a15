# KILN_JOINED: compile several source files as one, so that the headers they share are read and their templates made once.
# For builds from bare, which take a third of the time this way. The dev preset compiles every file by itself: there a
# missing include is found, and one changed file costs no more than itself (-DKILN_JOINED=OFF does the same to the others).
option(KILN_JOINED "Compile source files of one target together" OFF)

# Files whose private names meet those of another file of their target. A new collision is a compile error that names
# both places: rename one of the two, or list the file here.
set(KILN_COMPILED_ALONE "")

# kiln_join(TARGET): after its last source has been added.
function(kiln_join target)
  if(NOT KILN_JOINED)
    return()
  endif()
  string(REPLACE ";" "|" alone "${KILN_COMPILED_ALONE}")
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    get_filename_component(path "${source}" ABSOLUTE)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}" "${path}")
    if(path MATCHES "^(${alone})$")
      set_source_files_properties("${source}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 20)
  # A joined file includes the real ones, and g++ takes their unnamed namespaces for those of a header.
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
endfunction()
