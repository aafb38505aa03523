# How a program sees the windows of KDE's Wayland session, from the description that KDE publishes. Without Wayland's
# development packages there is no target ringfence_plasma_protocol, and the helper in the tray sees windows on X11 alone.
if(NOT RINGFENCE_WAYLAND)
  return()
endif()
pkg_check_modules(WAYLAND_CLIENT IMPORTED_TARGET wayland-client)
pkg_check_modules(WAYLAND_SERVER IMPORTED_TARGET wayland-server)  # the compositor of the tests
find_package(PlasmaWaylandProtocols QUIET)
find_program(WAYLAND_SCANNER wayland-scanner)
set(protocol ${PLASMA_WAYLAND_PROTOCOLS_DIR}/plasma-window-management.xml)
if(NOT WAYLAND_CLIENT_FOUND OR NOT WAYLAND_SERVER_FOUND OR NOT WAYLAND_SCANNER OR NOT EXISTS ${protocol})
  message(STATUS "Without Wayland: libwayland-dev, libwayland-bin or plasma-wayland-protocols is missing")
  return()
endif()

set(generated ${PROJECT_BINARY_DIR}/wayland)
file(MAKE_DIRECTORY ${generated})
foreach(kind client server)
  set(header ${generated}/plasma-window-management-${kind}-protocol.h)
  add_custom_command(OUTPUT ${header} DEPENDS ${protocol} VERBATIM
    COMMAND ${WAYLAND_SCANNER} ${kind}-header ${protocol} ${header})
  list(APPEND headers ${header})
endforeach()
set(code ${generated}/plasma-window-management-protocol.c)
add_custom_command(OUTPUT ${code} DEPENDS ${protocol} VERBATIM
  COMMAND ${WAYLAND_SCANNER} private-code ${protocol} ${code})
add_library(ringfence_plasma_protocol STATIC ${code} ${headers})
target_include_directories(ringfence_plasma_protocol SYSTEM INTERFACE ${generated})
target_include_directories(ringfence_plasma_protocol PRIVATE ${WAYLAND_CLIENT_INCLUDE_DIRS})
