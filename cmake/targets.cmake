# ringfence_library(NAME SOURCES… [PUBLIC target…] [PRIVATE target…]): one static library per line of the architecture.
function(ringfence_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ringfence_flags ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# ringfence_program(NAME SOURCES… LINK target…)
function(ringfence_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ringfence_flags ${ARG_LINK})
endfunction()

# What the sanitizer builds need, and no more: every unit test; those of them that start a thread; every fuzzer.
add_custom_target(unit_tests)
add_custom_target(thread_tests)
add_custom_target(fuzzers)

# ringfence_test(NAME LABEL label SOURCES… LINK target…): one Catch2 program, each TEST_CASE a ctest test of that label.
# Labels: unit (no root, no kernel feature), root, e2e, ui, lint, fuzz, bench. Root tests and figures run alone: they count what is
# on the machine, or time. A test with a daemon has directories and groups of its own, and another one beside it. What has the
# label long as well (the trials, one at a time, and the escape suite) keeps a processor busy for minutes; scripts/test runs
# it apart from the others, whose agents of the background class would starve beside it.
function(ringfence_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ringfence_flags ringfence_test_support Catch2::Catch2WithMain ${ARG_LINK})
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(ARG_LABEL STREQUAL "unit")
    add_dependencies(unit_tests ${name})
    if("ringfence_store" IN_LIST ARG_LINK)  # the one library with a thread of its own
      add_dependencies(thread_tests ${name})
    endif()
  endif()
  set(properties LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 4)
  if(NOT ARG_LABEL MATCHES "^(unit|e2e|ui)$")
    list(APPEND properties RUN_SERIAL ON)
  endif()
  catch_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}: " PROPERTIES ${properties})
endfunction()

# ringfence_ui_test(NAME SOURCES… LINK target…): the same with windows that nobody sees. tests/support/ui_main.cc makes the
# application; QTest sends clicks and keys, and what was done is read from the kernel or from a real daemon.
function(ringfence_ui_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/support/ui_main.cc ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ringfence_flags ringfence_test_daemon Catch2::Catch2 Qt6::Test ${ARG_LINK})
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${name} PROPERTIES AUTOMOC ON)
  add_dependencies(${name} ringfenced ringfence-launcher ringfence-stop ringfence-warden ringfence-egress ringfence)
  catch_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}: "
    PROPERTIES LABELS ui TIMEOUT 120 SKIP_RETURN_CODE 4)
endfunction()
