# Compiler settings, the libraries we build on, and the functions every folder uses:
# kiln_floor, kiln_plugin, kiln_test. What a folder is called decides what its target is called.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)

option(KILN_TESTS "Build the unit and integration tests" ON)
option(KILN_BENCHMARKS "Build the benchmark programs of ci/bench also without the tests" OFF)
option(KILN_COVERAGE "Instrument for line coverage" OFF)
set(KILN_SANITIZER "" CACHE STRING "Value for -fsanitize=, empty for none")
set(KILN_SANITIZER_LEAVES_OUT "" CACHE STRING "Value for -fno-sanitize=, empty for none")

include(KilnJoined)

if(NOT CMAKE_BUILD_TYPE)
  message(FATAL_ERROR "No build type: configure with `cmake --preset dev` (or release, asan, tsan)")
endif()

# One cache for every build directory: paths are taken relative to the source tree.
find_program(KILN_CCACHE ccache)
if(KILN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
      CCACHE_NOHASHDIR=1 "CCACHE_IGNOREOPTIONS=--param=ggc-min-heapsize=*" "CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime" "${KILN_CCACHE}")
endif()
find_program(KILN_MOLD mold)
if(KILN_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(pugixml REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
pkg_check_modules(LIBSSH REQUIRED IMPORTED_TARGET libssh)
pkg_check_modules(LIBMOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(SHEETS REQUIRED IMPORTED_TARGET cairo-pdf pangocairo librsvg-2.0 libqrencode)

add_library(kiln_options INTERFACE)
target_compile_options(kiln_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-align -Wunused -Wformat=2
  -Wno-mismatched-new-delete  # false positive of g++ 12 on awaitables at -O2 (docs/traps.md 19)
)
# With room the compiler collects no garbage: a fifth of the time of a release build, a twelfth with a sanitizer, for up to
# 1.6 GB each. It changes nothing of what comes out.
target_compile_options(kiln_options INTERFACE "$<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=4000000>")
target_compile_definitions(kiln_options INTERFACE
  SPDLOG_FMT_EXTERNAL BOOST_ASIO_NO_DEPRECATED BOOST_PROCESS_V2_HEADER_ONLY)
target_link_libraries(kiln_options INTERFACE Threads::Threads)
if(KILN_SANITIZER)
  target_compile_options(kiln_options INTERFACE "-fsanitize=${KILN_SANITIZER}" -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(kiln_options INTERFACE "-fsanitize=${KILN_SANITIZER}")
  if(KILN_SANITIZER_LEAVES_OUT)
    target_compile_options(kiln_options INTERFACE "-fno-sanitize=${KILN_SANITIZER_LEAVES_OUT}")
  endif()
  if(KILN_SANITIZER MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Passes that gain an instrumented program little.
    target_compile_options(kiln_options INTERFACE -fno-ipa-cp -fno-ipa-ra -fno-ipa-icf -fno-ipa-sra -fno-tree-sra)
  endif()
  if(KILN_SANITIZER STREQUAL "thread")
    # ThreadSanitizer does not model Asio's fences, and g++ 12 warns of each; without them Asio uses locks it does model.
    target_compile_definitions(kiln_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(KILN_COVERAGE)
  target_compile_options(kiln_options INTERFACE --coverage -fprofile-abs-path -fprofile-update=atomic)
  target_link_options(kiln_options INTERFACE --coverage)
endif()

# System headers are included as such, so that our warnings judge our own code only.
add_library(kiln_boost INTERFACE)
target_include_directories(kiln_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})

if(KILN_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# The build stamp (base/build_stamp.h) for those who compare it: the plugins, and the programs that meet them.
set(KILN_STAMP_HEADER "${PROJECT_BINARY_DIR}/generated/build_stamp.h")
string(TOLOWER "${CMAKE_BUILD_TYPE}" flavour)
string(REPLACE "," "-" flavour "${flavour}${KILN_SANITIZER}")
set(stamped_floors base model tool_output io safety bmc engine sdk)  # what a plugin can see
set(stamped_headers "")
foreach(floor ${stamped_floors})
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/framework/${floor}/*.h")
  list(APPEND stamped_headers ${found})
endforeach()
# A list would fall apart on the command line; the script counts what it finds.
string(REPLACE ";" "," stamped_floors "${stamped_floors}")
list(LENGTH stamped_headers stamped_count)
set(write_stamp "${CMAKE_COMMAND}" "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DFLOORS=${stamped_floors}" "-DHEADERS=${stamped_count}" "-DOUTPUT=${KILN_STAMP_HEADER}"
    "-DVERSION=${PROJECT_VERSION}" "-DFLAVOUR=${flavour}" -P "${PROJECT_SOURCE_DIR}/ci/cmake/WriteBuildStamp.cmake")
add_custom_command(OUTPUT "${KILN_STAMP_HEADER}.done" BYPRODUCTS "${KILN_STAMP_HEADER}"
  COMMAND ${write_stamp} COMMAND "${CMAKE_COMMAND}" -E touch "${KILN_STAMP_HEADER}.done"
  DEPENDS ${stamped_headers} COMMENT "Build stamp" VERBATIM)
add_custom_target(kiln_build_stamp DEPENDS "${KILN_STAMP_HEADER}.done")

# One small object holds it, so that a changed header compiles anew who includes it and nobody else.
add_library(kiln_build_stamp_text OBJECT "${PROJECT_SOURCE_DIR}/framework/base/build_stamp.cc")
target_compile_options(kiln_build_stamp_text PRIVATE -include "${KILN_STAMP_HEADER}")
target_include_directories(kiln_build_stamp_text PRIVATE "${PROJECT_SOURCE_DIR}/framework")
target_link_libraries(kiln_build_stamp_text PRIVATE kiln_options)
set_target_properties(kiln_build_stamp_text PROPERTIES CXX_VISIBILITY_PRESET hidden)
add_dependencies(kiln_build_stamp_text kiln_build_stamp)

# kiln_use_build_stamp(TARGET): it carries the stamp of this build.
function(kiln_use_build_stamp target)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:kiln_build_stamp_text>)
endfunction()

# kiln_export_to_plugins(PROGRAM): the program carries the floors a plugin may call as a whole and exports them, so that
# a plugin finds them there and the process holds one copy.
function(kiln_export_to_plugins program)
  set(floors "")
  foreach(floor base model tool_output io safety bmc engine)
    get_target_property(type kiln_${floor} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      list(APPEND floors kiln_${floor})
    endif()
  endforeach()
  set_target_properties(${program} PROPERTIES ENABLE_EXPORTS ON)
  target_link_libraries(${program} PRIVATE ${floors})
  string(REPLACE ";" "," floors "${floors}")
  set_property(TARGET ${program} PROPERTY LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,${floors}")
endfunction()

# `release_tests` builds the suites that need full speed; they exist in builds without a sanitizer only.
add_custom_target(release_tests)

# x_test.cc, and what tests share: x_for_test.cc, x_test_kit.cc. ci/checks/source.py knows the same names.
set(KILN_TEST_FILES "_test(_[a-z0-9_]+)?\\.cc$")

# kiln_test(NAME SOURCES... [LABELS x] [TIMEOUT seconds] [COST n] [PARTS n] [LIBRARIES ...]): one GoogleTest program; CTest knows each
# case by itself and may run them side by side, so a case must not depend on another one's leftovers. The label
# `release` marks a suite that drives whole runs against the wall clock, `virtual_time` one that drives whole runs without it:
# ci/test runs both on the release build, the second with what processor time the first leaves.
function(kiln_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;COST;PARTS" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  if(NOT KILN_TESTS OR NOT ARG_SOURCES)
    return()
  endif()
  set(whole_runs FALSE)
  if("release" IN_LIST ARG_LABELS OR "virtual_time" IN_LIST ARG_LABELS)
    set(whole_runs TRUE)
  endif()
  if(whole_runs AND KILN_SANITIZER)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_COST)
    set(ARG_COST 0)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if(whole_runs)
    add_dependencies(release_tests ${name})
  endif()
  target_link_libraries(${name} PRIVATE kiln_options ${ARG_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main)
  if(KILN_SANITIZER MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Checks as calls build a tenth faster; in the tests' own code there is no loop that would miss them in place.
    target_compile_options(${name} PRIVATE "SHELL:--param asan-instrumentation-with-call-threshold=0")
  endif()
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/framework" "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE KILN_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KILN_BINARY_DIR="${PROJECT_BINARY_DIR}")
  kiln_join(${name})
  if(NOT KILN_SANITIZER)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_COST} LABELS "${ARG_LABELS}")
    return()
  endif()
  # To start a program costs more than most of its cases do under a sanitizer (0.3 s of processor time): they run in
  # parts of a program, as GoogleTest shares them out. One case: the program itself, with --gtest_filter.
  list(LENGTH ARG_SOURCES count)
  if(NOT ARG_PARTS)
    math(EXPR ARG_PARTS "(${count} + 5) / 6")
  endif()
  foreach(part RANGE 1 ${ARG_PARTS})
    math(EXPR index "${part} - 1")
    add_test(NAME ${name}.${part}of${ARG_PARTS} COMMAND ${name})
    set_tests_properties(${name}.${part}of${ARG_PARTS} PROPERTIES TIMEOUT 600 LABELS "${ARG_LABELS}" COST ${count}
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_PARTS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()

# kiln_floor(NAME [LIBRARIES ...] [TEST_LIBRARIES ...] [EXCLUDE regex ...]): the folder's *.cc become the
# static library kiln_NAME and its *_test.cc one test program kiln_NAME_test. A folder of headers only becomes an
# interface library. (EXPORTED is accepted for floors that plugins call; kiln_export_to_plugins does the exporting.)
function(kiln_floor name)
  cmake_parse_arguments(ARG "EXPORTED" "" "LIBRARIES;TEST_LIBRARIES;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "*.cc" "*/*.cc")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "${KILN_TEST_FILES}")
  list(FILTER sources EXCLUDE REGEX "${KILN_TEST_FILES}")
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(sources)
    add_library(kiln_${name} STATIC ${sources})
    target_link_libraries(kiln_${name} PUBLIC ${ARG_LIBRARIES} PRIVATE kiln_options)
    target_link_libraries(kiln_${name} PUBLIC kiln_boost fmt::fmt)
    target_include_directories(kiln_${name} PUBLIC "${PROJECT_SOURCE_DIR}/framework")
    target_compile_definitions(kiln_${name} PUBLIC BOOST_ASIO_NO_DEPRECATED BOOST_PROCESS_V2_HEADER_ONLY SPDLOG_FMT_EXTERNAL)
    kiln_join(kiln_${name})
    if("${name}" STREQUAL "station")
      kiln_use_build_stamp(kiln_${name})
    endif()
  else()
    add_library(kiln_${name} INTERFACE)
    target_link_libraries(kiln_${name} INTERFACE ${ARG_LIBRARIES} kiln_boost fmt::fmt)
    target_include_directories(kiln_${name} INTERFACE "${PROJECT_SOURCE_DIR}/framework")
  endif()
  kiln_test(kiln_${name}_test SOURCES ${tests} LIBRARIES kiln_${name} ${ARG_TEST_LIBRARIES} LABELS unit)
endfunction()

# `plugins` builds every plugin; ci/demo and the packaging ask for it by that name.
add_custom_target(plugins)

# kiln_plugin_module(TARGET FILE DIRECTORY SOURCES...): DIRECTORY/FILE.so below the build directory, and its objects as
# TARGET_objects for tests.
function(kiln_plugin_module target file directory)
  add_library(${target}_objects OBJECT ${ARGN})
  target_link_libraries(${target}_objects PUBLIC kiln_sdk PRIVATE kiln_options)
  set_target_properties(${target}_objects PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  kiln_join(${target}_objects)
  add_library(${target} MODULE $<TARGET_OBJECTS:${target}_objects>)
  kiln_use_build_stamp(${target})
  target_link_libraries(${target} PRIVATE kiln_options)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME "${file}"
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${directory}")
endfunction()

# kiln_plugin(FOLDER NAME): every *.cc of the folder becomes lib/kiln/plugins/NAME.so, loaded at run time.
# Undefined symbols are resolved from the program, so there is one copy of the framework in the process.
function(kiln_plugin folder name)
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cc")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "${KILN_TEST_FILES}")
  list(FILTER sources EXCLUDE REGEX "${KILN_TEST_FILES}")
  if(NOT sources)
    return()
  endif()
  kiln_plugin_module(kiln_plugin_${name} "${name}" lib/kiln/plugins ${sources})
  add_dependencies(plugins kiln_plugin_${name})
  install(TARGETS kiln_plugin_${name} LIBRARY DESTINATION lib/kiln/plugins)
  if(tests)
    kiln_test(kiln_plugin_${name}_test
              SOURCES ${tests} $<TARGET_OBJECTS:kiln_plugin_${name}_objects> $<TARGET_OBJECTS:kiln_build_stamp_text>
              LIBRARIES kiln_sdk kiln_testing LABELS plugin)
  endif()
endfunction()
