// A distance between two network namespaces: takes whole IP packets from a tun device in one, and
// gives them to a tun device in the other after a delay, at a rate, with losses, as told.
//
//     tunnel NEAR FAR CONTROL
//
// NEAR and FAR are DEVICE@FILE, a tun device and the namespace it is in (/proc/PID/ns/net); CONTROL
// is the path of the Unix datagram socket to make, on which each datagram is a command, answered by
// one datagram, "ok", "error: ..." or what was asked for. It ends with its standard input.
//
//     link PREFIX delay_us N rate N loss P queue N
//                       how packets travel between the near side and far addresses in PREFIX
//                       ("0.0.0.0/0" is all others): each way's delay, bytes a second (0: no
//                       limit), share lost, and bytes that may wait for the rate; any may be left
//                       out, and keep what they were
//     forget [ADDRESS]  as a middle box that lost its state: packets of TCP flows (to that far
//                       address) whose SYN comes only later are dropped in silence, both ways
//     blackhole ADDRESS drop all packets to and from that far address; heal ADDRESS ends it
//     seed N            starts the dice anew
//     stats             packets, bytes and drops by cause, and by how many us a packet came out
//                       after its time at worst since the last time this was asked, as JSON
//
// Only IPv4 is known; anything else is dropped. Needs the right to enter namespaces.

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "way.hpp"

namespace {

using std::chrono::microseconds;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "tunnel: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

struct Link {
    std::uint32_t network = 0;  // in the order of the host, as is the mask
    std::uint32_t mask = 0;
    std::array<Pipe, ways> pipes;
};

struct Statistics {
    std::array<std::uint64_t, ways> packets{};
    std::array<std::uint64_t, ways> bytes{};
    std::uint64_t lost = 0;
    std::uint64_t overflowed = 0;  // the queue of a rate was full
    std::uint64_t forgotten = 0;
    std::uint64_t blackholed = 0;
    std::uint64_t strange = 0;    // not IPv4
    std::uint64_t latest_us = 0;  // the longest a packet came out after its time
};

class Tunnel {
public:
    Tunnel(std::array<int, ways> devices, int control) : devices_{devices}, control_{control} {
        links_.emplace_back();
        timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        poll_ = epoll_create1(EPOLL_CLOEXEC);
        if (timer_ < 0 || poll_ < 0) fail("timerfd, epoll");
        for (const int descriptor : {devices_[0], devices_[1], timer_, control_, STDIN_FILENO}) {
            watch(descriptor);
        }
    }

    /// Returns when standard input ends.
    void run() {
        for (;;) {
            std::array<epoll_event, 8> events{};
            const int count = epoll_wait(poll_, events.data(), events.size(), -1);
            if (count < 0 && errno != EINTR) fail("epoll_wait");
            for (int i = 0; i < count; ++i) {
                const int ready = events.at(static_cast<std::size_t>(i)).data.fd;
                if (ready == STDIN_FILENO && input_ended()) return;
                if (ready == control_) command();
            }
            bool has_more = true;
            while (has_more) {
                // In turns, so that a flood on one side does not hold up the other's arrivals.
                const bool has_there = take(Way::there);
                const bool has_back = take(Way::back);
                deliver();
                has_more = has_there || has_back;
            }
            rest();
            set_timer();
        }
    }

private:
    /// While packets come by the thousand, moves them a few at a time: waking, and waking others,
    /// for each would cost far more than moving it. Few packets are never held up.
    void rest() {
        using namespace std::chrono_literals;
        constexpr auto window = 50ms;
        constexpr std::uint64_t many = 500;
        constexpr auto pause = 300us;
        const auto now = Clock::now();
        if (now - window_start_ >= window) {
            const auto total = statistics_.packets[0] + statistics_.packets[1];
            is_bulk_ = total - window_packets_ >= many && now - window_start_ < 2 * window;
            window_start_ = now;
            window_packets_ = total;
        }
        if (is_bulk_) std::this_thread::sleep_for(pause);
    }

    void watch(int descriptor) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = descriptor;
        if (epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
    }

    static bool input_ended() {
        char ignored = 0;
        return read(STDIN_FILENO, &ignored, 1) <= 0;
    }

    /// Takes some of the packets that wait at one side. True when there may be more.
    bool take(Way way) {
        constexpr int at_once = 32;
        for (int i = 0; i < at_once; ++i) {
            const auto size =
                read(devices_.at(static_cast<std::size_t>(way)), buffer_.data(), buffer_.size());
            if (size <= 0) return false;
            send(static_cast<std::size_t>(size), way);
        }
        return true;
    }

    void send(std::size_t size, Way way) {
        const auto packet = parse(buffer_.data(), size, way);
        if (!packet) {
            ++statistics_.strange;
            return;
        }
        if (blackholes_.contains(packet->far_address)) {
            ++statistics_.blackholed;
            return;
        }
        if (!flows_.pass(*packet)) {
            ++statistics_.forgotten;
            return;
        }
        Pipe& pipe = link_of(ntohl(packet->far_address)).pipes.at(static_cast<std::size_t>(way));
        if (pipe.loss > 0 && std::uniform_real_distribution{}(dice_) < pipe.loss) {
            ++statistics_.lost;
            return;
        }
        if (!pipe.send(buffer_.data(), size, Clock::now())) {
            ++statistics_.overflowed;
            return;
        }
        ++statistics_.packets.at(static_cast<std::size_t>(way));
        statistics_.bytes.at(static_cast<std::size_t>(way)) += size;
    }

    /// The link with the longest prefix; they are kept in that order, and the first one fits all.
    Link& link_of(std::uint32_t far_address) {
        for (std::size_t i = links_.size() - 1; i > 0; --i) {
            if ((far_address & links_[i].mask) == links_[i].network) return links_[i];
        }
        return links_.front();
    }

    void deliver() {
        const auto now = Clock::now();
        for (Link& link : links_) {
            for (std::size_t way = 0; way < ways; ++way) {
                Pipe& pipe = link.pipes.at(way);
                if (const auto next = pipe.next_arrival(); next && *next <= now) {
                    const auto late = std::chrono::duration_cast<microseconds>(now - *next);
                    statistics_.latest_us =
                        std::max(statistics_.latest_us, static_cast<std::uint64_t>(late.count()));
                }
                while (const auto* bytes = pipe.receive(now)) {
                    // A packet the kernel does not take is one that was lost on the way.
                    [[maybe_unused]] const auto written =
                        write(devices_.at(1 - way), bytes->data(), bytes->size());
                }
            }
        }
    }

    void set_timer() {
        std::optional<Clock::time_point> next;
        for (const Link& link : links_) {
            for (const Pipe& pipe : link.pipes) {
                if (const auto arrival = pipe.next_arrival();
                    arrival && (!next || *arrival < *next)) {
                    next = arrival;
                }
            }
        }
        if (next == timer_set_to_) return;
        timer_set_to_ = next;
        itimerspec when{};  // zero: off
        if (next) {
            // steady_clock is CLOCK_MONOTONIC here, and a packet is never due at its zero.
            const auto since_boot = next->time_since_epoch();
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
            when.it_value.tv_sec = seconds.count();
            when.it_value.tv_nsec = nanoseconds{since_boot - seconds}.count();
        }
        // Setting it also takes back an expiration that was not read.
        if (timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr) != 0) fail("timerfd");
    }

    void command() {
        std::array<char, 512> text{};
        sockaddr_un sender{};
        socklen_t sender_size = sizeof sender;
        const auto size = recvfrom(control_,
                                   text.data(),
                                   text.size(),
                                   0,
                                   reinterpret_cast<sockaddr*>(&sender),
                                   &sender_size);
        if (size < 0) return;
        const std::string answer = obey(std::string(text.data(), static_cast<std::size_t>(size)));
        sendto(control_,
               answer.data(),
               answer.size(),
               0,
               reinterpret_cast<sockaddr*>(&sender),
               sender_size);
    }

    std::string obey(const std::string& text) {
        std::istringstream words{text};
        std::string verb;
        std::string address_text;
        words >> verb;
        if (verb == "stats") return statistics_text();
        if (verb == "link") return set_link(words);
        if (verb == "seed") {
            std::uint64_t seed = 0;
            words >> seed;
            dice_.seed(seed);
            return "ok";
        }
        words >> address_text;
        in_addr address{};
        const bool is_valid = inet_pton(AF_INET, address_text.c_str(), &address) == 1;
        if (verb == "forget" && (is_valid || address_text.empty())) {
            flows_.forget(is_valid ? std::optional{std::uint32_t{address.s_addr}} : std::nullopt);
        } else if (verb == "blackhole" && is_valid) {
            blackholes_.insert(address.s_addr);
        } else if (verb == "heal" && is_valid) {
            blackholes_.erase(address.s_addr);
        } else {
            return "error: " + text;
        }
        return "ok";
    }

    std::string set_link(std::istringstream& words) {
        std::string prefix;
        words >> prefix;
        const auto slash = prefix.find('/');
        in_addr address{};
        if (slash == std::string::npos ||
            inet_pton(AF_INET, prefix.substr(0, slash).c_str(), &address) != 1) {
            return "error: no prefix: " + prefix;
        }
        const int length = std::atoi(prefix.c_str() + slash + 1);
        if (length < 0 || length > 32) return "error: length of prefix: " + prefix;
        const std::uint32_t mask =
            length == 0 ? 0 : ~std::uint32_t{0} << (32U - static_cast<unsigned>(length));
        Link& link = link_with(ntohl(address.s_addr) & mask, mask);
        std::string name;
        double value = 0;
        while (words >> name) {
            if (!(words >> value) || value < 0) return "error: value of " + name;
            for (Pipe& pipe : link.pipes) {
                if (name == "delay_us") {
                    pipe.delay = nanoseconds{static_cast<std::int64_t>(value * 1e3)};
                } else if (name == "rate") {
                    pipe.bytes_per_second = value;
                } else if (name == "loss") {
                    pipe.loss = value;
                } else if (name == "queue") {
                    pipe.queue_bytes = value;
                } else {
                    return "error: " + name;
                }
            }
        }
        return "ok";
    }

    Link& link_with(std::uint32_t network, std::uint32_t mask) {
        auto place = links_.begin();
        for (; place != links_.end() && place->mask <= mask; ++place) {
            if (place->network == network && place->mask == mask) return *place;
        }
        place = links_.emplace(place);
        place->network = network;
        place->mask = mask;
        return *place;
    }

    std::string statistics_text() {
        const Statistics& s = statistics_;
        std::ostringstream text;
        text << R"({"packets": [)" << s.packets[0] << ", " << s.packets[1] << R"(], "bytes": [)"
             << s.bytes[0] << ", " << s.bytes[1] << R"(], "lost": )" << s.lost
             << R"(, "overflowed": )" << s.overflowed << R"(, "forgotten": )" << s.forgotten
             << R"(, "blackholed": )" << s.blackholed << R"(, "strange": )" << s.strange
             << R"(, "latest_us": )" << s.latest_us << "}";
        statistics_.latest_us = 0;
        return text.str();
    }

    std::array<int, ways> devices_;
    int control_;
    int timer_ = -1;
    int poll_ = -1;
    std::optional<Clock::time_point> timer_set_to_;
    Clock::time_point window_start_{};
    std::uint64_t window_packets_ = 0;
    bool is_bulk_ = false;
    std::vector<Link> links_;  // by length of prefix
    Flows flows_;
    std::unordered_set<std::uint32_t> blackholes_;
    std::mt19937_64 dice_{1};
    Statistics statistics_;
    std::array<std::uint8_t, 65536> buffer_{};
};

/// `place` is DEVICE@FILE.
int open_device(const std::string& place) {
    const auto at = place.find('@');
    if (at == std::string::npos) fail("DEVICE@FILE expected: " + place);
    const int space = open(place.c_str() + at + 1, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail("entering " + place);
    close(space);
    const int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0) fail("/dev/net/tun");
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    place.copy(request.ifr_name, std::min(at, std::size_t{IFNAMSIZ - 1}));
    if (ioctl(device, TUNSETIFF, &request) != 0) fail("attaching to " + place);
    return device;
}

int open_control(const std::string& path) {
    const int control = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (control < 0 || bind(control, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        fail("socket " + path);
    }
    return control;
}

/// A wire does not wait for its turn on a busy CPU. Without the right to this it is less exact.
void be_prompt() {
    sched_param priority{};
    priority.sched_priority = 10;
    sched_setscheduler(0, SCHED_FIFO, &priority);
    mlockall(MCL_CURRENT | MCL_FUTURE);
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() != 3) {
        std::fputs("usage: tunnel DEVICE@NAMESPACE DEVICE@NAMESPACE CONTROL\n", stderr);
        return 2;
    }
    const int control = open_control(arguments[2]);
    const std::array<int, ways> devices{open_device(arguments[0]), open_device(arguments[1])};
    be_prompt();
    Tunnel{devices, control}.run();
}
