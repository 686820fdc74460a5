#include <iostream>
#include <variant>

#include "nikawa/daemon/daemon.hpp"
#include "nikawa/daemon/options.hpp"

int main(int argc, char** argv) {
    using namespace nikawa::daemon;
    auto parsed = parse_options(argc, argv);
    if (const auto* exit = std::get_if<ExitNow>(&parsed)) {
        (exit->exit_code == 0 ? std::cout : std::cerr) << exit->text;
        return exit->exit_code;
    }
    return run_daemon(std::get<Options>(std::move(parsed)));
}
