# The simulation of a proxy with planted faults: each file of mutants/ says which lines of which source are replaced by
# what. The copy's object stands before the libraries, whose own object of that source then stays out; so the product
# knows nothing of it.
if(RINGPROXY_UNITY AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize=address")
  return()  # Nobody runs the simulation there.
endif()

ringproxy_test(sim/mutants control sim)
# The simulation's own test stays an object of its own, to be left out here.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/proxy_simulation_test.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
target_sources(sim_mutants_test PRIVATE $<FILTER:$<TARGET_OBJECTS:sim_test>,EXCLUDE,_test[.]cc>)

file(GLOB mutants CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/mutants/*.cmake)
set(mutated)
foreach(mutant ${mutants})
  include(${mutant})
  list(APPEND mutated ${source})
endforeach()
list(REMOVE_DUPLICATES mutated)

foreach(source ${mutated})
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/mutated/${source})
  set(mutate ${CMAKE_CURRENT_LIST_DIR}/mutate.cmake)
  add_custom_command(
    OUTPUT ${copy}
    COMMAND ${CMAKE_COMMAND} -D ROOT=${CMAKE_SOURCE_DIR} -D SOURCE=${source} -D OUTPUT=${copy} -P ${mutate}
    DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${mutants} ${mutate})
  target_sources(sim_mutants_test PRIVATE ${copy})
  # The library, called after its folder, can leave out what is an object of its own.
  get_filename_component(library ${source} DIRECTORY)
  get_filename_component(library ${library} NAME)
  set_source_files_properties(
    ${CMAKE_SOURCE_DIR}/${source} TARGET_DIRECTORY ${library} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endforeach()
