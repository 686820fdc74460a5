"""What happened in a soak, and what of it should not have."""

import collections
import json

from exchanges import OWN_FAILURES

TOLD_FAILURES = 5  # of each kind; more would not be read


class Record:
    def __init__(self):
        self.failures, self.failure_counts = [], collections.Counter()
        self.sent_count = 0
        self.outcomes = collections.defaultdict(collections.Counter)  # by origin
        self.hostile_ways = collections.Counter()
        self.ids, self.hostile_ids = collections.Counter(), collections.Counter()
        self.posts, self.confirmed = set(), set()  # tokens: sent; answered by 200
        self.seconds = []  # of small GETs to good origins

    def fail(self, kind, text):
        """`kind` is what was promised and not kept."""
        self.failure_counts[kind] += 1
        if self.failure_counts[kind] <= TOLD_FAILURES:
            self.failures.append(f"{kind}: {text}")

    # Called by the clients.

    def sent(self, origin, request):
        self.sent_count += 1
        if request.method == "POST":
            self.posts.add(request.token)

    def answered(self, origin, request, answer, seconds):
        self.ids[answer.id] += 1
        outcome = str(answer.status) if answer.is_whole else f"{answer.status} broken off"
        self.outcomes[origin.name][outcome] += 1
        where = f"{origin.name}: {request.method} {request.token}"
        if request.is_crossed(answer):
            self.fail("cross-talk", f"{where} got {answer.fields} {answer.body[:100]!r}")
        if answer.status == 200 and request.method == "POST":
            self.confirmed.add(request.token)
        if origin.is_good:
            if request.kind == "get":
                self.seconds.append(seconds)
            if outcome != "200":
                self.fail("good origin", f"{where} got {outcome} {answer.body[:200]!r}")
        elif answer.status not in {200, *OWN_FAILURES, *origin.own_statuses}:
            self.fail("status", f"{where} got {outcome} {answer.body[:200]!r}")

    def unanswered(self, origin, requests, error):
        self.outcomes[origin.name][type(error).__name__] += 1
        where = f"{origin.name}: {requests[0].method} {requests[0].token}"
        self.fail("no answer", f"{where}: {error!r}")

    def hostile(self, way):
        self.hostile_ways[way] += 1

    def answered_hostile(self, answer):
        self.hostile_ids[answer.id] += 1

    # Asked at the end.

    def check_posts(self, ledger_path):
        """No POST lost, none doubled, and nothing that was refused at any origin."""
        begun, whole = collections.Counter(), collections.Counter()
        for line in ledger_path.read_text().splitlines():
            what, method, token = line.split(" ")
            if token.startswith("smuggled"):
                self.fail("smuggling", f"an origin got {method} {token}")
            if method == "POST":
                (begun if what == "begun" else whole)[token] += 1
        for token in self.posts:
            if begun[token] > 1 or whole[token] > 1:
                self.fail("doubled", f"POST {token} was received {begun[token]} times")
        for token in self.confirmed:
            if whole[token] != 1:
                self.fail("lost", f"POST {token} has a 200, was received {whole[token]} times")
        return {"sent": len(self.posts), "confirmed": len(self.confirmed),
                "received": sum(whole[token] for token in self.posts)}

    def check_access_lines(self, lines, good_address):
        """Each exchange has its line, and each answer's id is in one."""
        ids = collections.Counter(line["chocon_req"] for line in lines)
        of_good = sum(line["remote_addr"].startswith(good_address) for line in lines)
        for answered in (self.ids, self.hostile_ids):
            for name, count in answered.items():
                if name is None or count != 1 or ids[name] != 1:
                    self.fail("access lines", f"id {name}: {count} answers, {ids[name]} lines")
        if of_good != self.sent_count:
            self.fail("access lines", f"good clients: {self.sent_count} requests, {of_good} lines")
        return {"lines": len(lines), "of_good_clients": of_good}


def access_lines(directory):
    """All lines that nikawa has written there, also to files that were moved since."""
    lines = []
    for path in directory.iterdir():
        if not path.is_symlink():
            lines += [json.loads(line) for line in path.read_text().splitlines()]
    return lines
