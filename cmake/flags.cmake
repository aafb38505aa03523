# The one place for compiler and linker flags: everything of ours links ringfence_flags.
add_library(ringfence_flags INTERFACE)
target_include_directories(ringfence_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(ringfence_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers
  -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wpedantic forbids the statement expression of RF_TRY under gcc and has no switch of its own there.
  target_compile_options(ringfence_flags INTERFACE -Wno-pedantic -fstack-clash-protection
    -ftrivial-auto-var-init=zero)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(ringfence_flags INTERFACE -fcf-protection=full)
  endif()
else()
  target_compile_options(ringfence_flags INTERFACE -Wno-gnu-statement-expression -Wno-gnu-statement-expression-from-macro-expansion -Wno-unknown-warning-option)
endif()
target_compile_definitions(ringfence_flags INTERFACE _GNU_SOURCE RINGFENCE_VERSION="${PROJECT_VERSION}")
target_link_options(ringfence_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
find_program(LLD ld.lld)
if(LLD)
  target_link_options(ringfence_flags INTERFACE -fuse-ld=lld)
endif()

if(RINGFENCE_SANITIZE STREQUAL "address")
  # Without the checks of each access through a pointer: they double the time of a build, and what they would find beyond a
  # null pointer, at which a program ends as well, is rare in code without casts.
  target_compile_options(ringfence_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=null,alignment,object-size,vptr
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  target_link_options(ringfence_flags INTERFACE -fsanitize=address,undefined)
elseif(RINGFENCE_SANITIZE STREQUAL "thread")
  target_compile_options(ringfence_flags INTERFACE -fsanitize=thread -g1)
  target_link_options(ringfence_flags INTERFACE -fsanitize=thread)
else()
  target_compile_definitions(ringfence_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3> _GLIBCXX_ASSERTIONS)
endif()
if(RINGFENCE_FUZZ)
  target_compile_options(ringfence_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -g1)
  target_link_options(ringfence_flags INTERFACE -fsanitize=address,undefined)
endif()
if(RINGFENCE_WERROR)
  target_compile_options(ringfence_flags INTERFACE -Werror)
endif()

# Programs are position-independent executables.
include(CheckPIESupported)
check_pie_supported()
