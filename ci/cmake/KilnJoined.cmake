# KILN_JOINED: compile several source files as one, so that the headers they share are read and their templates made once.
# For the sanitizer builds, which take two thirds of ci/test's time and a third less this way. The release and dev presets
# compile every file by itself: there a missing include is found.
option(KILN_JOINED "Compile source files of one target together" OFF)

# Files whose private names meet those of another file of their target. A new collision is a compile error that names
# both places: rename one of the two, or list the file here.
set(KILN_COMPILED_ALONE
  framework/bmc/leak.cc framework/bmc/nvlink.cc framework/bmc/redfish_error.cc framework/bmc/service_tree.cc
  framework/bmc/survey.cc framework/files/inventory_file.cc framework/files/recipe_file_test.cc framework/io/scope_test.cc
  framework/model/version.cc framework/safety/cause_test.cc
  framework/safety/interlock_watch_test.cc framework/store/event_rows.cc framework/store/run_view.cc framework/tool_output/.*
  plugins/steps/gpu_stress/health.cc plugins/steps/gpu_stress/soak.cc plugins/steps/nvlink/census.cc
  reports/html/timeline.cc tests_hw/virtual_rack/host_commands/programs_test.cc
  tests_hw/virtual_rack/redfish/processor_routes.cc tests_hw/virtual_rack/ssh_server.cc)

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
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  # A joined file includes the real ones, and g++ takes their unnamed namespaces for those of a header.
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
endfunction()
