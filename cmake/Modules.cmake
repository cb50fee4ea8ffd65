# The modules of src/: cmake/modules.json alone says which module may include which.
#
# A folder of src/ is one module: a static library harmonylite_NAME of its *.cc ('/' in NAME becomes
# '_') and a test program NAME_test of its *_test.cc. Keys of an entry:
#   name           the module's name; its folder below src/, unless `folder` says otherwise
#   includes       modules whose headers it may include; what those may include is allowed too
#   libraries      other people's libraries that it links
#   tests_include  modules that its tests may include, too
#   folder, files  only these files (without suffix) of a folder; a later module has the others
#   executable     main.cc is no part of the library, but this program in the build folder
#   holds, must_not  for people: the tables in docs/design.md
# tests/layers.py checks the includes, and that the tables in docs/design.md say the same.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${CMAKE_SOURCE_DIR}/cmake/modules.json)

# Sets OUT to the list, or the text, under KEY of MODULE; empty when it has no such key.
function(harmonylite_field out module key)
  string(JSON type ERROR_VARIABLE missing TYPE "${module}" ${key})
  set(list "")
  if(type STREQUAL "ARRAY")
    string(JSON count LENGTH "${module}" ${key})
    if(count GREATER 0)
      math(EXPR last "${count} - 1")
      foreach(i RANGE ${last})
        string(JSON item GET "${module}" ${key} ${i})
        list(APPEND list ${item})
      endforeach()
    endif()
  elseif(type STREQUAL "STRING")
    string(JSON list GET "${module}" ${key})
  endif()
  set(${out} "${list}" PARENT_SCOPE)
endfunction()

# Sets OUT to the targets of these modules.
function(harmonylite_targets out)
  list(TRANSFORM ARGN REPLACE "/" "_")
  list(TRANSFORM ARGN PREPEND harmonylite_)
  set(${out} "${ARGN}" PARENT_SCOPE)
endfunction()

function(harmonylite_add_module module)
  foreach(key name folder files includes libraries tests_include executable)
    harmonylite_field(${key} "${module}" ${key})
  endforeach()
  if(NOT folder)
    set(folder ${name})
  endif()
  string(REPLACE "/" "_" short ${name})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${folder}/*.cc)
  if(files)
    list(JOIN files "|" either)
    list(FILTER sources INCLUDE REGEX "/(${either})(_test)?\\.cc$")
    set_property(GLOBAL APPEND PROPERTY harmonylite_taken ${sources})
  else()
    get_property(taken GLOBAL PROPERTY harmonylite_taken)
    list(REMOVE_ITEM sources ${taken})
  endif()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(main ${CMAKE_SOURCE_DIR}/src/${folder}/main.cc)
  list(REMOVE_ITEM sources ${main})
  harmonylite_targets(includes ${includes})
  harmonylite_targets(tests_include ${tests_include})

  if(sources)
    add_library(harmonylite_${short} STATIC ${sources})
    target_include_directories(harmonylite_${short} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(harmonylite_${short} PUBLIC ${includes} ${libraries})
  else()
    add_library(harmonylite_${short} INTERFACE)
    target_include_directories(harmonylite_${short} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(harmonylite_${short} INTERFACE ${includes} ${libraries})
  endif()

  if(executable)
    add_executable(${executable} ${main})
    target_link_libraries(${executable} PRIVATE harmonylite_${short})
    set_target_properties(${executable} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  endif()

  if(tests AND BUILD_TESTING)
    add_executable(${short}_test ${tests})
    target_link_libraries(${short}_test PRIVATE harmonylite_${short} ${tests_include}
                          harmonylite_test_support GTest::gtest_main)
    target_compile_options(${short}_test PRIVATE -O1)  # they take longer to compile than to run
    gtest_discover_tests(${short}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()
endfunction()

function(harmonylite_modules)
  file(READ ${CMAKE_SOURCE_DIR}/cmake/modules.json modules)
  string(JSON count LENGTH "${modules}")
  math(EXPR last "${count} - 1")
  foreach(i RANGE ${last})
    string(JSON module GET "${modules}" ${i})
    harmonylite_add_module("${module}")
  endforeach()
endfunction()
