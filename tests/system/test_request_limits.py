"""An origin at a distance ends its sessions after so many requests: none fails, none is slow."""

import distant
from distant import DistantTest, Load


def setUpModule():
    distant.go_near()


class RequestLimits(DistantTest):
    def check_the_default_limit_of_nginx_is_not_noticed(self, kind):
        self.serve()
        nikawa = self.start()
        first, *later = self.ask_one_by_one(nikawa, kind, "a.close.test", "/say/alone/", 2500)
        self.assertEqual(first["cold"], "first_use")
        self.assert_warm(later)

    def check_the_default_limit_is_not_noticed_by_parallel_clients(self, kind):
        self.serve()
        nikawa = self.start()
        with Load(nikawa, kind, "a.close.test", "/say/start/", clients=8) as load:
            load.go_on(100)
        with Load(nikawa, kind, "a.close.test", "/say/load/", clients=8) as load:
            load.go_on(2500)
        self.assert_none_failed(load)
        self.assert_warm(self.records(nikawa, "/say/load/", len(load.answers)))

    def check_a_low_limit_fails_nothing_and_is_learned(self, kind):
        self.serve(settings="keepalive_requests 100;")
        nikawa = self.start()
        records = self.ask_one_by_one(nikawa, kind, "a.close.test", "/say/alone/", 500)
        self.assert_warm(records[-250:])
        with Load(nikawa, kind, "a.close.test", "/say/load/", clients=8) as load:
            load.go_on(1000)
        self.assert_none_failed(load)

    def check_posts_survive_goaways(self, kind):
        """nginx ends a session with requests on their way to it, those it has not looked at."""
        self.serve(settings="keepalive_requests 10;")
        nikawa = self.start()
        with Load(nikawa, kind, "a.far.test", "/say/load/", clients=8, method="POST") as load:
            load.go_on(400)
        self.assert_none_failed(load)
        self.assert_once(load.answers, "/say/load/")
