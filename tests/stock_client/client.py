"""Speaks to a running sidecar as any bidder would: stock grpcio, code generated from the proto, nothing of ours.

usage: client.py ADDRESS...        each as grpcio writes it: 127.0.0.1:50051 or unix:/run/bidgate/bidgate.sock
"""

import importlib
import json
import pathlib
import sys
import tempfile
import traceback

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = "bidgate/v1/bidgate.proto"
SERVICE = "bidgate.v1.BidGateService"
GATES = ["tmaxGuard", "impidMatch", "adomainVerify", "bidSanity", "audienceSafety", "bcatCompliance"]
DEADLINE_S = 10
STREAMED = 100
BAD = 42  # the one message of the stream that cannot be judged

REQUEST = {"id": "r", "tmax": 250, "imp": [{"id": "1", "bidfloor": 0.5}]}
GOOD_BID = {"id": "b-1", "impid": "1", "price": 1.25, "adomain": ["juniper-outdoor.com"], "cat": ["IAB20-12"]}
LOST_BID = {**GOOD_BID, "id": "b-2", "impid": "2"}


def main(addresses):
    if not addresses:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as generated:
        pb, rpc = compile_proto(generated)
        outcomes = [attempt(check, address, pb, rpc) for address in addresses for check in CHECKS]
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


def compile_proto(folder):
    """Generates messages and stub into `folder` and imports them."""
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}", PROTO]
    bundled = pathlib.Path(protoc.__file__).parent / "_proto"  # google/protobuf/timestamp.proto
    if protoc.main([*arguments, f"-I{bundled}"]) != 0:
        sys.exit(f"{PROTO} does not compile")
    sys.path.insert(0, folder)
    module = PROTO.removesuffix(".proto").replace("/", ".")
    return importlib.import_module(f"{module}_pb2"), importlib.import_module(f"{module}_pb2_grpc")


def attempt(check, address, pb, rpc, open_channel=grpc.insecure_channel):
    name = f"{address} {check.__name__}"
    try:
        with open_channel(address) as channel:
            check(channel, pb, rpc.BidGateServiceStub(channel))
    except Exception:
        print(f"FAILED {name}\n{traceback.format_exc()}")
        return False
    print(f"ok     {name}")
    return True


def clean_bid_passes(_channel, pb, stub):
    reply = stub.Evaluate(auction(pb, [GOOD_BID], correlation_id=2**63), timeout=DEADLINE_S)
    equal(reply.verdict, pb.VERDICT_PASS)
    equal((reply.passed, reply.nbr, list(reply.bids)), (True, 0, []))
    equal((reply.agent_id, reply.tool, reply.correlation_id), ("stock-client", "exchange", 2**63))
    equal([gate.name for gate in reply.gates], GATES)
    equal([gate.skipped for gate in reply.gates], [False, False, False, False, True, True])
    equal([gate.reason for gate in reply.gates][4:], ["not_child_directed", "no_block_list"])
    equal(all(gate.passed for gate in reply.gates), True)
    equal(reply.HasField("error"), False)
    equal(bool(reply.evaluation_id and reply.policy_version), True)
    equal(reply.timestamp.seconds > 1_700_000_000, True)
    equal(0 < reply.total_latency_ms < 1000, True)


def rejected_bid_is_named_with_its_codes(_channel, pb, stub):
    reply = stub.Evaluate(auction(pb, [GOOD_BID, LOST_BID]), timeout=DEADLINE_S)
    equal((reply.verdict, reply.passed, reply.nbr), (pb.VERDICT_FAIL, False, 0))
    equal([(bid.seatbid_index, bid.bid_index, bid.bid_id, bid.impid) for bid in reply.bids], [(0, 1, "b-2", "2")])
    [finding] = reply.bids[0].findings
    equal((finding.gate, finding.reason, finding.note), ("impidMatch", "impid_unknown", False))
    equal((finding.loss_reason, finding.nonbid_status), (3, 102))
    equal(reply.gates[1].status, pb.GATE_STATUS_FAILED)
    equal({gate.status for gate in reply.gates[2:]}, {pb.GATE_STATUS_ABORTED})
    equal(stub.Evaluate(auction(pb, [LOST_BID]), timeout=DEADLINE_S).nbr, 1)


def rejected_bid_is_cut_from_the_filtered_response(_channel, pb, stub):
    reply = stub.Evaluate(auction(pb, [LOST_BID, GOOD_BID], want_filtered_response=True), timeout=DEADLINE_S)
    equal(json.loads(reply.filtered_response), {"id": "r", "seatbid": [{"bid": [GOOD_BID]}]})
    equal([(bid.primary_reason, bid.loss_reason_name) for bid in reply.bids], [("impid_unknown", "Invalid Bid Response")])
    equal({gate.status for gate in reply.gates[2:]} & {pb.GATE_STATUS_ABORTED}, set())
    reply = stub.Evaluate(auction(pb, [LOST_BID], want_filtered_response=True), timeout=DEADLINE_S)
    equal(json.loads(reply.filtered_response), {"id": REQUEST["id"], "nbr": 1})


def empty_response_is_a_no_bid(_channel, pb, stub):
    reply = stub.Evaluate(auction(pb, None), timeout=DEADLINE_S)
    equal((reply.verdict, reply.passed), (pb.VERDICT_NO_BID, True))
    equal({gate.reason for gate in reply.gates[1:]}, {"no_bids"})


def late_auction_is_not_evaluated(_channel, pb, stub):
    reply = stub.Evaluate(auction(pb, [LOST_BID], elapsed_us=249_000), timeout=DEADLINE_S)
    equal((reply.verdict, reply.passed), (pb.VERDICT_NOT_EVALUATED, True))
    equal({gate.reason for gate in reply.gates}, {"tmax_exhausted"})


def malformed_response_is_answered_and_the_connection_lives_on(channel, pb, stub):
    call = auction(pb, [GOOD_BID])
    call.bid_response = b'{"seatbid": [}'
    reply = stub.Evaluate(call, timeout=DEADLINE_S)
    equal((reply.verdict, reply.passed, reply.nbr), (pb.VERDICT_ERROR, False, 1))
    equal((reply.error.code, reply.error.payload), ("malformed_bid_response", "bid_response"))
    equal(reply.error.byte_offset, 13)
    equal((list(reply.gates), list(reply.bids)), ([], []))
    clean_bid_passes(channel, pb, stub)


def call_without_agent_is_refused_by_name(_channel, pb, stub):
    try:
        stub.Evaluate(auction(pb, [GOOD_BID], agent_id=""), timeout=DEADLINE_S)
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        equal("agent_id" in error.details(), True)
    else:
        raise AssertionError("was answered")


def oversized_message_is_refused_and_the_connection_lives_on(channel, pb, stub):
    call = auction(pb, None)
    call.bid_response = b" " * (2 << 20)
    try:
        stub.Evaluate(call, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        equal(error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE), True)
    else:
        raise AssertionError("was answered")
    clean_bid_passes(channel, pb, stub)


def stream_answers_every_message_and_outlives_a_bad_one(_channel, pb, stub):
    calls = [auction(pb, [GOOD_BID if number % 2 else LOST_BID], correlation_id=number) for number in range(STREAMED)]
    calls[BAD].agent_id = ""
    replies = {reply.correlation_id: reply for reply in stub.EvaluateStream(iter(calls), timeout=DEADLINE_S)}
    equal(sorted(replies), list(range(STREAMED)))
    bad = replies.pop(BAD)
    equal((bad.verdict, bad.passed, bad.error.code), (pb.VERDICT_ERROR, False, "invalid_argument"))
    equal({replies[number].verdict for number in replies if number % 2}, {pb.VERDICT_PASS})
    equal({replies[number].verdict for number in replies if not number % 2}, {pb.VERDICT_FAIL})
    equal(len({reply.evaluation_id for reply in replies.values()}), STREAMED - 1)


def health_is_serving_for_server_and_service(channel, _pb, _stub):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ["", SERVICE]:
        reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_S)
        equal(reply.status, health_pb2.HealthCheckResponse.SERVING)


def auction(pb, bids, **fields):
    """A call of a bidder that answers with `bids`; None is HTTP 204."""
    response = b"" if bids is None else json.dumps({"id": "r", "seatbid": [{"bid": bids}]}).encode()
    known = {"agent_id": "stock-client", "tool": "exchange", "elapsed_us": 4_000}
    return pb.EvaluateRequest(bid_request=json.dumps(REQUEST).encode(), bid_response=response, **{**known, **fields})


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


CHECKS = [
    clean_bid_passes,
    rejected_bid_is_named_with_its_codes,
    rejected_bid_is_cut_from_the_filtered_response,
    empty_response_is_a_no_bid,
    late_auction_is_not_evaluated,
    malformed_response_is_answered_and_the_connection_lives_on,
    call_without_agent_is_refused_by_name,
    oversized_message_is_refused_and_the_connection_lives_on,
    stream_answers_every_message_and_outlives_a_bad_one,
    health_is_serving_for_server_and_service,
]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
