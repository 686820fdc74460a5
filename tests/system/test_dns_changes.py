"""Names change their addresses, and name servers fall silent, while an origin is in use."""

import distant
from distant import FAR, OTHER, DistantTest, Load, connections
from harness import wait_until

NAME = "moving.far.test"


def setUpModule():
    distant.go_near()


def in_place_of(path, file):
    """Goes before a program's command line: it finds `file` at `path`."""
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"',
            str(file), path]


class DnsChanges(DistantTest):
    def setUp(self):
        self.serve()
        self.names = self.world.names
        self.names.set({NAME: FAR})

    def check_nothing_waits_while_an_address_changes(self, kind):
        nikawa = self.start("--dns-grace", "2s")
        with Load(nikawa, kind, NAME, "/say/start/") as load:
            load.go_on()
        with Load(nikawa, kind, NAME, "/say/load/") as load:
            load.go_on()
            self.names.set({NAME: OTHER})
            load.go_on(is_so=lambda answer: not answer.error and answer.origin_address == OTHER)
            wait_until(lambda: not connections(FAR, kind), "the end of the old sessions")
        self.assert_none_failed(load)
        self.assertEqual({answer.origin_address for answer in load.answers}, {FAR, OTHER})
        self.assert_warm(self.records(nikawa, "/say/load/", len(load.answers)))

    def check_addresses_by_turns_are_not_a_change(self, kind):
        """As of a balancer that names some of its addresses in each answer."""
        nikawa = self.start("--dns-grace", "1h")
        with Load(nikawa, kind, NAME, "/say/start/") as load:
            load.go_on()
        before = connections(FAR, kind)
        with Load(nikawa, kind, NAME, "/say/load/") as load:
            self.names.set({NAME: OTHER})
            self.wait_for_queries(2)
            self.names.set({NAME: f"{FAR} {OTHER}"})
            self.wait_for_queries(2)
        self.assert_none_failed(load)
        self.assertLessEqual(before, connections(FAR, kind))
        self.assert_warm(self.records(nikawa, "/say/load/", len(load.answers)))

    def wait_for_queries(self, count):
        """Until nikawa has been told the present addresses."""
        seen = self.names.answered()
        wait_until(lambda: self.names.answered() >= seen + count, f"{count} answers of DNS")

    def check_a_silent_resolver_is_not_noticed(self, kind):
        self.use_while_resolver_is_down(kind, self.names.silence)

    def check_a_dead_resolver_is_not_noticed(self, kind):
        self.use_while_resolver_is_down(kind, self.names.stop)

    def use_while_resolver_is_down(self, kind, bring_down):
        nikawa = self.start()
        with Load(nikawa, kind, NAME, "/say/load/") as load:
            load.go_on()
            self.addCleanup(self.names.restart)
            bring_down()
            load.go_on(500)  # seconds, and so longer than the last answer of DNS is good
            self.nginx.close()
            wait_until(lambda: not connections(FAR, kind), "the end of all connections")
            self.nginx.start()
            load.go_on()
        self.assert_none_failed(load)
        self.assert_warm(self.ask_one_by_one(nikawa, kind, NAME, "/say/after/", 20))

    def test_the_hosts_file_comes_before_dns_of_the_system_but_not_of_servers_of_its_own(self):
        hosts = self.world.directory / "hosts"
        hosts.write_text(f"{OTHER} {NAME}\n")
        for resolver, address in (("", OTHER), (self.names.address, FAR)):
            with self.subTest(resolver=resolver):
                nikawa = self.start("--resolver", resolver,
                                    wrapper=in_place_of("/etc/hosts", hosts))
                [record] = self.ask_one_by_one(nikawa, "h2", NAME, "/say/", 1)
                self.assertEqual(record["origin_addr"], f"{address}:{distant.PORTS['h2']}")

    def test_servers_of_its_own_are_asked_in_place_of_the_systems(self):
        conf = self.world.directory / "resolv.conf"
        conf.write_text("nameserver 127.0.0.2\n")  # nobody is there
        nikawa = self.start(wrapper=in_place_of("/etc/resolv.conf", conf))
        [record] = self.ask_one_by_one(nikawa, "h2", NAME, "/say/", 1)
        self.assertEqual(record["origin_addr"], f"{FAR}:{distant.PORTS['h2']}")
