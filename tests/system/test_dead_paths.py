"""The path to an origin dies without a sign: what is known of it is its silence alone."""

import distant
from distant import FAR, OTHER, Client, DistantTest, Load, connections
from harness import wait_until


def setUpModule():
    distant.go_near()


class ForgottenFlows(DistantTest):
    """A middle box has forgotten the idle connections, and drops what comes on them."""

    def setUp(self):
        self.serve()

    def warmed_up(self, kind):
        """A nikawa with several sessions to an origin."""
        nikawa = self.start("--proxy-read-timeout", "3s")
        with Load(nikawa, kind, "a.far.test", f"/say/{kind}-before/", clients=3) as load:
            load.go_on()
        self.assert_none_failed(load)
        return nikawa

    def check_the_next_get_is_answered_on_another_session(self, kind):
        nikawa = self.warmed_up(kind)
        distant.distance.forget(FAR)
        [first] = self.ask_one_by_one(nikawa, kind, "a.far.test", "/say/first/", 1)
        self.assertTrue(first.get("hedged"), first)
        self.assertEqual((first["attempts"], first.get("cold")), (2, "path_silent"))
        later = self.ask_one_by_one(nikawa, kind, "a.far.test", "/say/later/", 10)
        self.assert_warm(later)
        self.assertEqual({record["attempts"] for record in later}, {1})

    def check_a_post_is_not_sent_twice(self, kind):
        nikawa = self.warmed_up(kind)
        distant.distance.forget(FAR)
        prefix = f"/say/{kind}-post/"
        with Client(nikawa, kind, "a.far.test") as client:
            answer = client.ask(prefix, "POST")
        self.assertEqual(answer.status, 504)
        [record] = self.records(nikawa, prefix, 1)
        self.assertEqual(record["attempts"], 1)
        self.assertNotIn("hedged", record)
        # What comes later meets the session that was dialled meanwhile.
        later = self.ask_one_by_one(nikawa, kind, "a.far.test", "/say/later/", 5, "POST")
        self.assert_warm(later)
        self.assertEqual(self.nginx.targets(prefix, 0), [])

    def check_all_at_once_get_their_answers(self, kind):
        nikawa = self.warmed_up(kind)
        distant.distance.forget(FAR)
        with Load(nikawa, kind, "a.far.test", "/say/load/", clients=6) as load:
            load.go_on()
        self.assert_none_failed(load)
        wait_until(lambda: connections(FAR, kind), "sessions")
        self.assert_warm(self.ask_one_by_one(nikawa, kind, "a.far.test", "/say/later/", 10))


class LostAddress(DistantTest):
    """One of an origin's two addresses becomes unreachable, others go on."""

    def setUp(self):
        self.serve()
        self.world.names.set({"two.far.test": f"{FAR} {OTHER}"})

    def check_no_get_fails(self, kind):
        nikawa = self.start()
        with Load(nikawa, kind, "two.far.test", "/say/load/", clients=10) as load:
            load.go_on(100)
            lost = load.answers[-1].origin_address
            left = {FAR: OTHER, OTHER: FAR}[lost]
            distant.distance.blackhole(lost)
            self.addCleanup(distant.distance.heal, lost)
            load.go_on(100, lambda answer: not answer.error and answer.origin_address == left)
        self.assert_none_failed(load)
        after = self.ask_one_by_one(nikawa, kind, "two.far.test", "/say/after/", 20)
        self.assert_warm(after)
        self.assertEqual({record["origin_addr"] for record in after},
                         {f"{left}:{distant.PORTS[kind]}"})

    def check_a_new_pool_finds_the_address_that_is_left(self, kind):
        distant.distance.blackhole(FAR)
        self.addCleanup(distant.distance.heal, FAR)
        nikawa = self.start()
        with Load(nikawa, kind, "two.far.test", "/say/new/", clients=5) as load:
            load.go_on(50)
        self.assert_none_failed(load)
        self.assertEqual({answer.origin_address for answer in load.answers}, {OTHER})
