# Moves the debug data of an installed program to PROGRAM.debug beside it; `program` and `objcopy`
# are set. Stacks of a crash can then be read where the program runs, or elsewhere, from that file.
get_filename_component(folder "${program}" DIRECTORY)
get_filename_component(name "${program}" NAME)
foreach(arguments IN ITEMS "--only-keep-debug;${name};${name}.debug" "--strip-unneeded;${name}"
                           "--add-gnu-debuglink=${name}.debug;${name}")
  execute_process(COMMAND ${objcopy} ${arguments} WORKING_DIRECTORY ${folder}
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
