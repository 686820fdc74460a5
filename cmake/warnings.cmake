# nikawa::warnings: what every file of ours is compiled with; errors only where CI asks for them.
option(NIKAWA_WERROR "Treat warnings as errors" OFF)
add_library(nikawa_warnings INTERFACE)
add_library(nikawa::warnings ALIAS nikawa_warnings)
target_compile_options(nikawa_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    $<$<BOOL:${NIKAWA_WERROR}>:-Werror>)
