# Writes OUTPUT, a source file that says of what and when a build was made (src/cli/build_info.h):
#   cmake -DSOURCE=… -DOUTPUT=… -DGIT=… -DCOMPILER=… -P BuildInfo.cmake
#
# It runs with every build, but leaves the file alone while the commit stays the same, so that
# nothing is compiled or linked anew. The date is therefore the day on which this build folder first
# saw the commit, or that of SOURCE_DATE_EPOCH, which string(TIMESTAMP) honours.

# A folder of sources without .git may lie in somebody else's repository.
set(commit unknown)
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(
    COMMAND ${GIT} --no-optional-locks -C ${SOURCE}
            describe --always --abbrev=12 --dirty --exclude *
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(described)
    set(commit ${described})
  endif()
endif()

set(before "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
string(TIMESTAMP date "%Y-%m-%d" UTC)
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH} AND before MATCHES "\"${commit}\", \"([0-9-]+)\"")
  set(date ${CMAKE_MATCH_1})
endif()
set(text "// Written by cmake/BuildInfo.cmake.
#include \"cli/build_info.h\"

const harmonylite::cli::BuildInfo harmonylite::cli::kBuildInfo = {
    \"${commit}\", \"${date}\", \"${COMPILER}\"};
")
if(NOT text STREQUAL before)
  file(WRITE ${OUTPUT} "${text}")
endif()
