"""Calls what grpc_server.py serves, without TLS: grpc_client.py TARGET

Fails where an answer is not the right one."""

import queue
import sys

import grpc

CONVERSATION = [f"word {number}".encode() for number in range(10)]
LARGE = b"a" * 3_000_000

with grpc.insecure_channel(sys.argv[1]) as channel:
    for _ in range(5):
        answer, call = channel.unary_unary("/test.Service/Upper").with_call(b"hello", timeout=20)
        assert answer == b"HELLO", answer
        assert ("length", "5") in call.trailing_metadata(), call.trailing_metadata()

    answer = channel.unary_unary("/test.Service/Upper")(LARGE, timeout=20)
    assert answer == LARGE.upper()

    numbers = list(channel.unary_stream("/test.Service/Count")(b"200", timeout=20))
    assert numbers == [str(number).encode() for number in range(200)], numbers

    joined = channel.stream_unary("/test.Service/Join")(iter(CONVERSATION), timeout=20)
    assert joined == b"".join(CONVERSATION), joined

    # Each is said once the one before has been answered.
    said = queue.SimpleQueue()
    answers = channel.stream_stream("/test.Service/Talk")(iter(said.get, None), timeout=20)
    for word in CONVERSATION:
        said.put(word)
        answer = next(answers)
        assert answer == word.upper(), answer
    said.put(None)
    assert list(answers) == []

    calls = [channel.unary_unary("/test.Service/Upper").future(b"at once", timeout=20)
             for _ in range(50)]
    assert all(call.result() == b"AT ONCE" for call in calls)

    try:
        channel.unary_unary("/test.Service/Missing")(b"", timeout=20)
        raise SystemExit("found what is missing")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details() == "no such thing: 100%", error
