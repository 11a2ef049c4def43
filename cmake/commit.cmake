# Writes which commit is built, into a source file that changes only when that does:
#   cmake -DSOURCE=<tree> -DOUT=<file.cpp> [-DCOMMIT=<hash>] -P commit.cmake
# COMMIT wins; then what `git archive` wrote below; then the checkout's HEAD, if SOURCE is the top of one. A tree
# that lies in somebody else's repository, or where there is no git, has none.
cmake_minimum_required(VERSION 3.25)
set(exported "$Format:%H$")
if(NOT COMMIT AND NOT exported MATCHES "Format")
  set(COMMIT ${exported})
endif()
if(NOT COMMIT)
  execute_process(COMMAND git -C ${SOURCE} rev-parse --show-toplevel HEAD
    OUTPUT_VARIABLE said ERROR_QUIET RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed AND said MATCHES "^(.*)\n([0-9a-f]+)$")
    set(top "${CMAKE_MATCH_1}")
    set(head "${CMAKE_MATCH_2}")
    file(REAL_PATH "${top}" top)
    file(REAL_PATH "${SOURCE}" source)
    if(top STREQUAL source)
      set(COMMIT ${head})
    endif()
  endif()
endif()
if(NOT COMMIT MATCHES "^[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]")
  set(COMMIT "")
endif()
string(SUBSTRING "${COMMIT}" 0 7 COMMIT)
file(CONFIGURE OUTPUT ${OUT} CONTENT "#include \"actors/main/build_commit.hpp\"

const std::string_view troupe::build_commit = \"@COMMIT@\";
" @ONLY)
