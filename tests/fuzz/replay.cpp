// Stands in for libFuzzer where there is none: runs the recorded inputs and variations of them.
// The variations come of a fixed seed, so a failure is one for everybody.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/fuzz_target.hpp"

namespace {

constexpr int variations = 20'000;

std::vector<std::string> recorded_inputs(const char* folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> inputs;
    for (const auto& path : paths) {
        std::ifstream file{path, std::ios::binary};
        inputs.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
    }
    return inputs;
}

class Variator {
public:
    explicit Variator(const std::vector<std::string>& inputs) : inputs_(inputs) {}

    std::string next() {
        std::string input = any_input();
        for (auto changes = 1 + below(4); changes > 0; --changes) change(input);
        return input;
    }

private:
    std::size_t below(std::size_t end) { return random_() % end; }
    const std::string& any_input() { return inputs_[below(inputs_.size())]; }

    void change(std::string& input) {
        // What parsers stumble over, more likely than chance would have it.
        static constexpr char tricky[] = "\r\n\r\n \t:,;.\0\x7f\x80\xff+-0x19afAF";
        const char byte = tricky[below(sizeof tricky)];
        const std::size_t at = below(input.size() + 1);
        switch (below(5)) {
            case 0: input.insert(at, 1, byte); break;
            case 1: input.erase(at, 1 + below(4)); break;
            case 2: input.insert(at, input.substr(below(input.size() + 1), below(40))); break;
            case 3: splice(input, at, any_input()); break;
            default:
                if (at < input.size())
                    input[at] = below(2) == 0 ? byte : static_cast<char>(below(256));
        }
    }

    /// Puts the end of another input in place of its own.
    static void splice(std::string& input, std::size_t at, const std::string& other) {
        input.resize(at);
        input.append(other, std::min(at, other.size()));
    }

    const std::vector<std::string>& inputs_;
    std::mt19937 random_{20240607};
};

void run(const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto inputs = recorded_inputs(argv[1]);
    if (inputs.empty()) return 2;
    for (const std::string& input : inputs) run(input);
    Variator variator{inputs};
    for (int i = 0; i < variations; ++i) run(variator.next());
    std::printf("%zu recorded inputs and %d variations\n", inputs.size(), variations);
}
