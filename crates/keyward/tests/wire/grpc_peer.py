"""gRPC as the C core speaks it: a server of all four kinds of calls, and a client that tries them.

`grpc_peer.py server` prints its port; `grpc_peer.py client TARGET KEY [CERTIFICATE]` prints what each call gave, as JSON. Messages are bytes as
they are.
"""

import json
import queue
import sys
from concurrent import futures

import grpc

NAME = "kw.Test"


def unary(request, context):
    context.send_initial_metadata((("x-first", "1"),))
    context.set_trailing_metadata((("x-last", "2"), ("x-raw-bin", b"\x00\xff")))
    seen = dict(context.invocation_metadata())
    return request + b"|" + seen.get("x-keyward-use-case", "").encode() + b"|" + seen.get("x-api-key", "-").encode()


def fail(request, context):
    context.set_trailing_metadata((("x-last", "2"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: d\u00e9j\u00e0")


def server_stream(request, context):
    context.set_trailing_metadata((("x-last", "2"),))
    for n in range(int(request)):
        yield b"%d" % n


def client_stream(requests, context):
    context.set_trailing_metadata((("x-last", "2"),))
    return b",".join(requests)


def both(requests, context):
    for request in requests:
        yield b"re: " + request
        if request == b"fail":
            context.abort(grpc.StatusCode.ABORTED, "as asked")


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Both": grpc.stream_stream_rpc_method_handler(both),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def last(call):
    # An answer that is nothing but its end has one block of fields, with the gateway's own among them.
    own = {key: value for key, value in call.trailing_metadata() if key.startswith("x-") and key != "x-request-id"}
    return {key: value if isinstance(value, str) else value.hex() for key, value in own.items()}


def outcome(make):
    """What a call gave: its messages, status and trailers."""
    try:
        messages, call = make()
        return {"messages": messages, "status": call.code().name, "trailers": last(call)}
    except grpc.RpcError as error:
        return {"status": error.code().name, "details": error.details(), "trailers": last(error)}


def ask(target, key, certificate):
    if certificate:
        credentials = grpc.ssl_channel_credentials(open(certificate, "rb").read())
        channel = grpc.secure_channel(target, credentials, (("grpc.ssl_target_name_override", "localhost"),))
    else:
        channel = grpc.insecure_channel(target)
    fields = (("x-api-key", key),)

    def one(method, message, fields=fields):
        answer, call = channel.unary_unary(f"/{NAME}/{method}").with_call(message, metadata=fields, timeout=60)
        return [answer.decode()], call

    def many(method, message):
        call = channel.unary_stream(f"/{NAME}/{method}")(message, metadata=fields, timeout=60)
        return [answer.decode() for answer in call], call

    def gathered(method, messages):
        answer, call = channel.stream_unary(f"/{NAME}/{method}").with_call(iter(messages), metadata=fields, timeout=60)
        return [answer.decode()], call

    def talk(messages):
        def speak():
            # Each message waits for the answer to the one before.
            for message in messages:
                yield message
                heard.get()

        heard = queue.Queue()
        call = channel.stream_stream(f"/{NAME}/Both")(speak(), metadata=fields, timeout=60)
        answers = []
        for answer in call:
            answers.append(answer.decode())
            heard.put(None)
        return answers, call

    def large():
        answer, call = one("Unary", b"x" * 1_000_000)
        return [len(answer[0])], call

    print(
        json.dumps(
            {
                "unary": outcome(lambda: one("Unary", b"hello")),
                "big": outcome(large),
                "fail": outcome(lambda: one("Fail", b"")),
                "unknown": outcome(lambda: one("Nothing", b"")),
                "no_key": outcome(lambda: one("Unary", b"", ())),
                "server_stream": outcome(lambda: many("ServerStream", b"3")),
                "no_messages": outcome(lambda: many("ServerStream", b"0")),
                "client_stream": outcome(lambda: gathered("ClientStream", [b"a", b"b", b"c"])),
                "both": outcome(lambda: talk([b"1", b"2", b"3"])),
                "both_fail": outcome(lambda: talk([b"1", b"fail"])),
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        ask(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)
