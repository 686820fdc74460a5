"""A gRPC service on bytes, behind TLS: grpc_server.py ADDRESS CERTIFICATE KEY

/test.Service/: Upper gives a message in capitals, Count as many as it says, Join those that came as
one, Talk answers each at once; Missing says that there is nothing.
"""

import concurrent.futures
import pathlib
import sys

import grpc


def upper(request, context):
    context.set_trailing_metadata([("length", str(len(request)))])
    return request.upper()


def count(request, _):
    return (str(number).encode() for number in range(int(request)))


def join(requests, _):
    return b"".join(requests)


def talk(requests, _):
    for request in requests:
        yield request.upper()


def missing(_, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 100%")


address, certificate, key = sys.argv[1:]
server = grpc.server(concurrent.futures.ThreadPoolExecutor(20))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Service", {
    "Upper": grpc.unary_unary_rpc_method_handler(upper),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Join": grpc.stream_unary_rpc_method_handler(join),
    "Talk": grpc.stream_stream_rpc_method_handler(talk),
    "Missing": grpc.unary_unary_rpc_method_handler(missing),
})])
server.add_secure_port(address, grpc.ssl_server_credentials(
    [(pathlib.Path(key).read_bytes(), pathlib.Path(certificate).read_bytes())]))
server.start()
server.wait_for_termination()
