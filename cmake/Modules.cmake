# harmonylite_module(NAME [DEPS module...] [LIBS target...] [EXECUTABLE name])
#
# One folder of src/ is one module: a static library harmonylite_NAME of its *.cc, and a test program
# NAME_test of its *_test.cc. DEPS are the modules it may include; tests/layers.py checks the includes.
# With EXECUTABLE, main.cc is left out of the library and linked as a program into the build folder.
function(harmonylite_module name)
  cmake_parse_arguments(ARG "" "EXECUTABLE" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(main ${CMAKE_SOURCE_DIR}/src/${name}/main.cc)
  list(REMOVE_ITEM sources ${main})
  list(TRANSFORM ARG_DEPS PREPEND harmonylite_)

  if(sources)
    add_library(harmonylite_${name} STATIC ${sources})
    target_include_directories(harmonylite_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(harmonylite_${name} PUBLIC ${ARG_DEPS} ${ARG_LIBS})
  else()
    add_library(harmonylite_${name} INTERFACE)
    target_include_directories(harmonylite_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(harmonylite_${name} INTERFACE ${ARG_DEPS} ${ARG_LIBS})
  endif()

  if(ARG_EXECUTABLE)
    add_executable(${ARG_EXECUTABLE} ${main})
    target_link_libraries(${ARG_EXECUTABLE} PRIVATE harmonylite_${name})
    set_target_properties(${ARG_EXECUTABLE} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE harmonylite_${name} harmonylite_test_support
                          GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE -O1)  # they take longer to compile than to run
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()
endfunction()
