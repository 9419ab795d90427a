"""Exports metrics and traces of a real sidecar to a real collector, and compares what arrives.

usage: check.py BIDGATE            the binary

The collector is Rotel, as its package on PyPI brings it. It takes OTLP over gRPC and over HTTP, and passes on what it
took to a service in this process, of which the messages are the official ones of opentelemetry-proto.
"""

import concurrent.futures
import contextlib
import importlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import grpc
import rotel
from grpc_tools import protoc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = "bidgate/v1/bidgate.proto"
COLLECTOR = pathlib.Path(rotel.__file__).parent / "rotel-agent"
PATIENCE_S = 20

REQUEST = {"id": "r", "tmax": 250, "imp": [{"id": "1", "bidfloor": 0.5}]}
GOOD_BID = {"id": "b-1", "impid": "1", "price": 1.25, "adomain": ["juniper-outdoor.com"], "cat": ["IAB20-12"]}
LOST_BID = {**GOOD_BID, "id": "b-2", "impid": "2"}

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
REST_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REST_PARENT = "00f067aa0ba902b7"

# Families that move while nobody calls: the page and the message agree on their names only.
MOVING = re.compile("process_|bidgate_(policy_age|connections_open|otlp_|telemetry_)")


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        pb, rpc = compile_proto(folder)
        for protocol in ["grpc", "http/protobuf"]:
            outcomes += run(pathlib.Path(arguments[0]), protocol, pathlib.Path(folder), pb, rpc)
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


def run(bidgate, protocol, folder, pb, rpc):
    """Starts everything, makes the calls, and attempts every check."""
    with Sink() as sink, collector(sink.port, folder) as ports, Sidecar(bidgate, protocol, ports, folder) as sidecar:
        call(sidecar, pb, rpc)
        world = (sidecar, sink)
        outcomes = [attempt(check, protocol, world) for check in CHECKS]
        if not all(outcomes):
            print((folder / "bidgate.log").read_text(), (folder / "rotel.log").read_text())
        return outcomes


def attempt(check, protocol, world):
    name = f"{protocol} {check.__name__}"
    try:
        check(*world)
    except Exception:
        print(f"FAILED {name}\n{traceback.format_exc()}")
        return False
    print(f"ok     {name}")
    return True


def call(sidecar, pb, rpc):
    """Calls within a trace that is sampled, within one that is not, without one, and over HTTP."""
    with grpc.insecure_channel(sidecar.address) as channel:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE_S)
        stub = rpc.BidGateServiceStub(channel)
        sampled = [("traceparent", f"00-{TRACE}-{PARENT}-01")]
        unsampled = [("traceparent", f"00-{'c' * 32}-{'d' * 16}-00")]
        for bid, metadata in [(GOOD_BID, sampled), (LOST_BID, sampled), (GOOD_BID, unsampled), (GOOD_BID, None)]:
            stub.Evaluate(message(pb, bid), metadata=metadata, timeout=PATIENCE_S)
        messages = iter([message(pb, GOOD_BID), message(pb, LOST_BID)])
        assert len(list(stub.EvaluateStream(messages, metadata=sampled, timeout=PATIENCE_S))) == 2
    body = {"agent_id": "rest", "input": REQUEST, "output": {"id": "r", "seatbid": [{"bid": [GOOD_BID]}]}}
    headers = {"content-type": "application/json", "traceparent": f"00-{REST_TRACE}-{REST_PARENT}-01"}
    sidecar.get("/v1/evaluate", json.dumps(body).encode(), headers)


def message(pb, bid):
    response = {"id": "r", "seatbid": [{"bid": [bid]}]}
    return pb.EvaluateRequest(
        agent_id="bidder", tool="exchange", elapsed_us=0,
        bid_request=json.dumps(REQUEST).encode(), bid_response=json.dumps(response).encode(),
    )


def metrics_arrive_as_the_page_shows_them(sidecar, sink):
    def same():
        page, message = scraped(sidecar.get("/metrics")), sink.metrics()
        return message is not None and settled(page) == settled(exported(message)) and (page, message)

    page, message = wait_for(same, lambda: differences(sidecar, sink))
    assert page["bidgate_evaluations_total", frozenset({("verdict", "pass")})] == 5
    assert {name for name, _ in page} == {name for name, _ in exported(message)}


def counters_are_cumulative_since_one_start(sidecar, sink):
    starts = set()
    for metric in metrics_of(sink.metrics()):
        kind = metric.WhichOneof("data")
        if kind == "gauge":
            continue
        data = getattr(metric, kind)
        assert data.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE, metric.name
        assert kind == "histogram" or data.is_monotonic, metric.name
        starts |= {point.start_time_unix_nano for point in data.data_points}
    assert len(starts) == 1 and abs(starts.pop() / 1e9 - sidecar.started) < PATIENCE_S, starts


def the_resource_says_who_exports(sidecar, sink):
    for resource in [sink.metrics().resource_metrics[0].resource, sink.traces()[0].resource]:
        said = attributes(resource)
        assert said["service.name"] == "bid-check", said
        assert said["team"] == "a,b", said
        assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said["service.instance.id"]), said


def an_evaluation_is_a_span_of_its_callers_trace(sidecar, sink):
    evaluations = wait_for(lambda: evaluations_in(sink, TRACE, 4))
    verdicts = sorted(attributes(span)["bidgate.verdict"] for span in evaluations)
    assert verdicts == ["fail", "fail", "pass", "pass"], verdicts
    version = sidecar.get("/policy").split("policy_version: ")[1].split()[0]
    for span in evaluations:
        said = attributes(span)
        assert span.parent_span_id.hex() == PARENT, span
        assert (span.name, span.kind) == ("Evaluate", trace_pb2.Span.SPAN_KIND_SERVER), span
        assert (said["bidgate.agent_id"], said["bidgate.tool"]) == ("bidder", "exchange"), said
        assert said["bidgate.policy_version"] == version, said
        assert re.fullmatch("[0-9a-f]{32}", said["bidgate.evaluation_id"]), said
        assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 1e9, span
        assert abs(span.start_time_unix_nano / 1e9 - time.time()) < 2 * PATIENCE_S, span


def gates_are_spans_of_their_evaluation(sidecar, sink):
    for evaluation in wait_for(lambda: evaluations_in(sink, TRACE, 4)):
        gates = [span for span in sink.spans(TRACE) if span.parent_span_id == evaluation.span_id]
        gates.sort(key=lambda span: span.start_time_unix_nano)
        found = [(gate.name, attributes(gate)) for gate in gates]
        assert [name for name, _ in found][:2] == ["tmaxGuard", "impidMatch"], found
        failed = attributes(evaluation)["bidgate.verdict"] == "fail"
        expected = {"bidgate.gate.status": "failed" if failed else "passed", "bidgate.gate.mode": "enforce"}
        if failed:
            expected["bidgate.gate.reason"] = "impid_unknown"
        assert found[1][1] == expected, found
        # Fail-fast: what is behind the gate that failed is not come to.
        assert len(gates) == (2 if failed else 6), found
        for earlier, later in zip(gates, gates[1:]):
            assert earlier.end_time_unix_nano == later.start_time_unix_nano
        assert gates[-1].end_time_unix_nano == evaluation.end_time_unix_nano


def a_call_over_http_is_part_of_its_trace_too(sidecar, sink):
    [span] = wait_for(lambda: evaluations_in(sink, REST_TRACE, 1))
    assert span.parent_span_id.hex() == REST_PARENT, span
    assert attributes(span)["bidgate.agent_id"] == "rest", span


def other_calls_are_left_out(sidecar, sink):
    traces = {span.trace_id.hex() for span in sink.spans()}
    assert traces <= {TRACE, REST_TRACE}, traces


def nothing_of_a_payload_is_in_a_trace(sidecar, sink):
    for batch in sink.traces():
        for word in [b"juniper", b"IAB20", b"b-1", b"b-2"]:
            assert word not in batch.SerializeToString(), word


def the_last_export_comes_before_the_end(sidecar, sink):
    seen = sink.count
    assert sidecar.stop() == 0
    wait_for(lambda: sink.count > seen)


CHECKS = [
    metrics_arrive_as_the_page_shows_them,
    counters_are_cumulative_since_one_start,
    an_evaluation_is_a_span_of_its_callers_trace,
    gates_are_spans_of_their_evaluation,
    a_call_over_http_is_part_of_its_trace_too,
    other_calls_are_left_out,
    nothing_of_a_payload_is_in_a_trace,
    the_resource_says_who_exports,
    the_last_export_comes_before_the_end,
]


def scraped(page):
    """The page as a dictionary from name and labels to value."""
    samples = {}
    for line in page.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="([^"]*)"', labels or "")
            samples[name, frozenset(pairs)] = float(value)
    return samples


def exported(message):
    """The same of a message, as Prometheus would store it."""
    samples = {}
    for metric in metrics_of(message):
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            labels = frozenset(attributes(point).items())
            if kind == "histogram":
                samples |= buckets(metric.name, labels, point)
            else:
                samples[metric.name, labels] = getattr(point, point.WhichOneof("value"))
    return samples


def buckets(name, labels, point):
    samples, count = {(f"{name}_sum", labels): point.sum, (f"{name}_count", labels): point.count}, 0
    for bound, counted in zip([*point.explicit_bounds, None], point.bucket_counts):
        count += counted
        le = "+Inf" if bound is None else f"{bound:.9f}".rstrip("0")
        samples[f"{name}_bucket", labels | {("le", le)}] = count
    return samples


def settled(samples):
    return {key: value for key, value in samples.items() if not MOVING.match(key[0])}


def differences(sidecar, sink):
    page, message = scraped(sidecar.get("/metrics")), exported(sink.metrics())
    return sorted(map(str, set(settled(page).items()) ^ set(settled(message).items())))


def evaluations_in(sink, trace, count):
    found = [span for span in sink.spans(trace) if span.name == "Evaluate"]
    return len(found) == count and found


def metrics_of(message):
    return [metric for resource in message.resource_metrics for scope in resource.scope_metrics
            for metric in scope.metrics]


def attributes(thing):
    return {pair.key: pair.value.string_value for pair in thing.attributes}


class Sink:
    """Where the collector passes on what it took."""

    def __init__(self):
        self.count = 0
        self.last_metrics = None
        self.batches = []
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self.service(self.take_metrics), self.server)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self.service(self.take_traces), self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def service(self, take):
        return type("Service", (), {"Export": lambda _, request, context: take(request)})()

    def take_metrics(self, request):
        # The collector may hold one message back and pass on two as one: the last is the newest.
        self.last_metrics = metrics_service_pb2.ExportMetricsServiceRequest(
            resource_metrics=request.resource_metrics[-1:])
        self.count += 1
        return metrics_service_pb2.ExportMetricsServiceResponse()

    def take_traces(self, request):
        self.batches += request.resource_spans
        return trace_service_pb2.ExportTraceServiceResponse()

    def metrics(self):
        return self.last_metrics

    def traces(self):
        return self.batches

    def spans(self, trace=None):
        spans = [span for batch in self.batches for scope in batch.scope_spans for span in scope.spans]
        return [span for span in spans if trace in (None, span.trace_id.hex())]

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(grace=0)


@contextlib.contextmanager
def collector(sink_port, folder):
    """A collector at two ports, which passes everything on at once. Yields the ports by protocol."""
    ports = dict(zip(["grpc", "http/protobuf"], free_ports(2)))
    arguments = [
        "start", "--otlp-grpc-endpoint", f"127.0.0.1:{ports['grpc']}",
        "--otlp-http-endpoint", f"127.0.0.1:{ports['http/protobuf']}", "--batch-timeout", "50ms",
        "--exporter", "otlp", "--otlp-exporter-endpoint", f"http://127.0.0.1:{sink_port}",
        "--otlp-exporter-protocol", "grpc", "--otlp-exporter-compression", "none",
        "--pid-file", folder / "rotel.pid",
    ]
    with process([COLLECTOR, *arguments], folder / "rotel.log", {}):
        for port in ports.values():
            wait_for(lambda: listens(port))
        yield ports


class Sidecar:
    def __init__(self, bidgate, protocol, ports, folder):
        grpc_port, self.admin = free_ports(2)
        self.address = f"127.0.0.1:{grpc_port}"
        self.started = time.time()
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports[protocol]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            # Of calls without a trace none, so that the test does not depend on chance.
            "OTEL_TRACES_SAMPLER_ARG": "0",
            "OTEL_SERVICE_NAME": "bid-check",
            "OTEL_RESOURCE_ATTRIBUTES": "team=a%2Cb",
        }
        arguments = ["serve", "--listen", self.address, "--admin", f"127.0.0.1:{self.admin}", "--rest", "true",
                     "--policy-timeout-ms", "1000", "--shutdown-drain-delay-ms", "0"]
        self.running = process([bidgate, *arguments], folder / "bidgate.log", variables)

    def __enter__(self):
        self.process = self.running.__enter__()
        wait_for(lambda: listens(self.admin))
        return self

    def __exit__(self, *error):
        return self.running.__exit__(*error)

    def get(self, path, body=None, headers={}):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def process(arguments, log, variables):
    """A process until the end of the block."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    with open(log, "wb") as output:
        running = subprocess.Popen(arguments, stdout=output, stderr=output, env=environment | variables)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def wait_for(wanted, explain=lambda: ""):
    """What `wanted` returns once that is something."""
    until = time.monotonic() + PATIENCE_S
    while not (found := wanted()):
        assert time.monotonic() < until, f"not in {PATIENCE_S} s: {explain()}"
        time.sleep(0.05)
    return found


def compile_proto(folder):
    """Generates messages and stub into `folder` and imports them."""
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}", PROTO]
    bundled = pathlib.Path(protoc.__file__).parent / "_proto"  # google/protobuf/timestamp.proto
    if protoc.main([*arguments, f"-I{bundled}"]) != 0:
        sys.exit(f"{PROTO} does not compile")
    sys.path.insert(0, folder)
    module = PROTO.removesuffix(".proto").replace("/", ".")
    return importlib.import_module(f"{module}_pb2"), importlib.import_module(f"{module}_pb2_grpc")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
