# nikawa_module(<name> SOURCES <file>... [DEPENDS <module>...] [LIBRARIES <target>...] [PRIVATE_LIBRARIES <target>...])
#
# One static library for each folder of src/. A file may include only headers of its own module and of
# those named in DEPENDS (what those depend on is not lent): the arrows of docs/architecture.md,
# held at configure time, and again before each build when one of the files changes.
function(nikawa_module name)
    cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
    add_library(nikawa_${name} STATIC ${arg_SOURCES})
    add_library(nikawa::${name} ALIAS nikawa_${name})
    list(TRANSFORM arg_DEPENDS PREPEND nikawa:: OUTPUT_VARIABLE modules)
    target_include_directories(nikawa_${name}
        PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(nikawa_${name}
        PUBLIC ${modules} ${arg_LIBRARIES} PRIVATE ${arg_PRIVATE_LIBRARIES} nikawa::warnings)

    file(GLOB files CONFIGURE_DEPENDS
        ${PROJECT_SOURCE_DIR}/src/${name}/*.[ch]pp ${PROJECT_SOURCE_DIR}/include/nikawa/${name}/*.hpp)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
    foreach(file IN LISTS files)
        file(STRINGS ${file} includes REGEX "^#include \"")
        foreach(include IN LISTS includes)
            string(REGEX REPLACE "^#include \"(nikawa/)?([a-z0-9]+)/.*" "\\2" used "${include}")
            if(NOT used STREQUAL name AND NOT used IN_LIST arg_DEPENDS)
                message(SEND_ERROR "${file}: '${name}' does not depend on '${used}'")
            endif()
        endforeach()
    endforeach()
endfunction()

# nikawa_test(<module> SOURCES <file>... [LIBRARIES <target>...]): one GoogleTest binary for each module.
function(nikawa_test name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_executable(${name}_test ${arg_SOURCES})
    target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name}_test PRIVATE ${arg_LIBRARIES} GTest::gtest_main GTest::gmock nikawa::warnings)
    target_precompile_headers(${name}_test REUSE_FROM nikawa_test_headers)
    gtest_discover_tests(${name}_test PROPERTIES TIMEOUT 60)
endfunction()
