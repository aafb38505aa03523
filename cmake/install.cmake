# What goes where on a system. The daemon finds its launcher and ringfence-stop beside its own file, so they live together and the command
# in sbin is a link. No file is set-id.
include(GNUInstallDirs)
# Whatever the umask of who installs it: everybody reads what is installed.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(own ${CMAKE_INSTALL_LIBEXECDIR}/ringfence)

if(TARGET ringfence)
  install(TARGETS ringfence RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET ringfence-panel)
  install(TARGETS ringfence-panel RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/desktop/ringfence-panel.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/desktop/org.ringfence.panel.metainfo.xml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo)
  set(icons ${CMAKE_INSTALL_DATADIR}/icons/hicolor)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/icons/ringfence.svg DESTINATION ${icons}/scalable/apps)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/icons/ringfence-symbolic.svg DESTINATION ${icons}/symbolic/apps)
endif()
if(TARGET ringfence-tray)
  install(TARGETS ringfence-tray RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  # Sessions start the helper; by its entry in applications notifications and windows are known to be its own, and KWin shows
  # it windows, to which end that names the program with its path, which is known when it is installed.
  install(CODE "
    set(RINGFENCE_BIN \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(entry \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/applications/ringfence-tray.desktop\")
    configure_file(\"${PROJECT_SOURCE_DIR}/packaging/autostart/ringfence-tray.desktop.in\" \"\${entry}\" @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    string(REGEX REPLACE \"^/usr$\" \"\" etc \"\${CMAKE_INSTALL_PREFIX}\")
    file(INSTALL \"\${entry}\" DESTINATION \"\${etc}/etc/xdg/autostart\")")
endif()
foreach(program ringfenced ringfence-launcher ringfence-stop ringfence-stop-keys ringfence-warden ringfence-egress ringfence-top ringfence-hook
    ringfence-rpc)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${own})
  endif()
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/packaging)
file(CREATE_LINK ../${own}/ringfenced ${PROJECT_BINARY_DIR}/packaging/ringfenced SYMBOLIC)
install(FILES ${PROJECT_BINARY_DIR}/packaging/ringfenced DESTINATION ${CMAKE_INSTALL_SBINDIR})

# For editors: `#:schema file:///usr/share/ringfence/schema/policy-1.json`, from the same table as the decoder.
if(TARGET ringfence)
  set(schema ${PROJECT_BINARY_DIR}/packaging/policy-1.json)
  add_custom_command(OUTPUT ${schema} COMMAND ringfence policy schema >${schema} DEPENDS ringfence)
  add_custom_target(policy_schema ALL DEPENDS ${schema})
  install(FILES ${schema} DESTINATION ${CMAKE_INSTALL_DATADIR}/ringfence/schema)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/policy/profiles/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/ringfence/policies FILES_MATCHING PATTERN "*.toml")
install(FILES ${PROJECT_SOURCE_DIR}/policy/prices.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/ringfence)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/policy/adapters/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/ringfence/adapters FILES_MATCHING PATTERN "*.toml")
# Completed when it is installed: only then is the prefix known.
install(CODE "
  set(RINGFENCE_LIBEXEC \"\${CMAKE_INSTALL_PREFIX}/${own}\")
  foreach(service ringfenced ringfence-stop)
    set(unit \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/\${service}.service\")
    configure_file(\"${PROJECT_SOURCE_DIR}/packaging/systemd/\${service}.service.in\" \"\$ENV{DESTDIR}\${unit}\" @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    message(STATUS \"Installing: \$ENV{DESTDIR}\${unit}\")
  endforeach()")
install(FILES ${PROJECT_SOURCE_DIR}/packaging/sysusers/ringfence.conf DESTINATION lib/sysusers.d)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/SECURITY.md ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/ringfence)

# For agents: the C++ library with its CMake package, and the Python one.
if(TARGET ringfence_agent)
  include(CMakePackageConfigHelpers)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Ringfence)
  install(TARGETS ringfence_agent EXPORT RingfenceTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
  install(FILES ${PROJECT_SOURCE_DIR}/sdk/agent/agent.h ${PROJECT_SOURCE_DIR}/sdk/agent/checkpoint.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringfence COMPONENT sdk)
  install(EXPORT RingfenceTargets NAMESPACE Ringfence:: DESTINATION ${package} COMPONENT sdk)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/RingfenceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  file(WRITE ${PROJECT_BINARY_DIR}/packaging/RingfenceConfig.cmake
    "include(\"\${CMAKE_CURRENT_LIST_DIR}/RingfenceTargets.cmake\")\n")
  install(FILES ${PROJECT_BINARY_DIR}/packaging/RingfenceConfig.cmake ${PROJECT_BINARY_DIR}/packaging/RingfenceConfigVersion.cmake
    DESTINATION ${package} COMPONENT sdk)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/python/ringfence DESTINATION lib/python3/dist-packages COMPONENT sdk
    FILES_MATCHING PATTERN "*.py" PATTERN "py.typed")
endif()
