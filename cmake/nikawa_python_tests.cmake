# nikawa_python_tests(<label> [TIMEOUT <seconds>] [INTERPRETER <python>]): the built binary against real programs. Each file
# test_<name>.py of this folder is one entry of ctest, <label>.<name>, and needs only Python's own
# library and the packages of deploy/packages.txt.
function(nikawa_python_tests label)
    cmake_parse_arguments(arg "" "TIMEOUT;INTERPRETER" "" ${ARGN})
    if(NOT arg_INTERPRETER)
        find_package(Python3 REQUIRED COMPONENTS Interpreter)
        set(arg_INTERPRETER ${Python3_EXECUTABLE})
    endif()

    # Sanitizers change what memory means, and say more when asked.
    set(is_sanitized 0)
    if(CMAKE_CXX_FLAGS_DEBUG MATCHES "-fsanitize")
        set(is_sanitized 1)
    endif()

    file(GLOB files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} test_*.py)
    foreach(file IN LISTS files)
        string(REGEX REPLACE "^test_(.*)\\.py$" "\\1" name ${file})
        add_test(NAME ${label}.${name}
            COMMAND ${arg_INTERPRETER} -B -m unittest --verbose test_${name}
            WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
        set_tests_properties(${label}.${name} PROPERTIES
            LABELS ${label}
            TIMEOUT ${arg_TIMEOUT}
            ENVIRONMENT "NIKAWA=$<TARGET_FILE:nikawa>;NIKAWA_SANITIZED=${is_sanitized}")
    endforeach()
endfunction()
