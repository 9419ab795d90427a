"""Mistakes that the checks must find: each is made in manifests that are right, and something must complain."""

import copy

from cluster import config_map, container, of_kind, pods


def mutations():
    """Each with what makes it, given manifests that may be changed."""
    yield "a field that is misspelt", lambda all: spec(all).update(terminationGracePeriodSecond=25)
    yield "a type that is wrong", lambda all: spec(all).update(terminationGracePeriodSeconds="25 s")
    yield "no time to end", lambda all: spec(all).update(terminationGracePeriodSeconds=10)
    yield "service links", lambda all: spec(all).update(enableServiceLinks=True)
    yield "a restart policy that is none", lambda all: sidecar(all).update(restartPolicy="Sometimes")
    yield "root", lambda all: sidecar(all)["securityContext"].update(runAsUser=0)
    yield "a file system to write to", lambda all: sidecar(all)["securityContext"].update(readOnlyRootFilesystem=False)
    yield "a capability", lambda all: sidecar(all)["securityContext"].update(capabilities={"add": ["NET_RAW"]})
    yield "a limit on CPU", lambda all: sidecar(all)["resources"]["limits"].update(cpu="1")
    yield "a probe of nobody", lambda all: probe(all, "startupProbe", "unix:///run/bidgate/other.sock")
    yield "a probe that is cut off", lambda all: sidecar(all)["livenessProbe"].update(timeoutSeconds=1)
    yield "a volume that is not there", lambda all: sidecar(all)["volumeMounts"][0].update(name="other")
    yield "a mount that never changes", lambda all: sidecar(all)["volumeMounts"][0].update(subPath="bidgate.yaml")
    yield "a socket of one's own", lambda all: settings(all, "/run/bidgate/", "/run/other/")
    yield "gRPC for the network", lambda all: settings(all, "listen: [", 'listen: ["0.0.0.0:50051", ')
    yield "an admin port for the network", lambda all: settings(all, "127.0.0.1:8080", "0.0.0.0:8080")
    yield "a setting that is unknown", lambda all: settings(all, "workers:", "worker:")
    yield "a worker for each core", lambda all: settings(all, "workers: 1", "workers: 0")
    yield "a gate that is unknown", lambda all: policy(all, "bidSanity", "bidInsanity")
    yield "a mode that is unknown", lambda all: policy(all, "mode: warn", "mode: warm")
    yield "a variable that is unknown", lambda all: sidecar(all).update(env=[{"name": "BIDGATE_WORKER", "value": "1"}])
    yield "a bidder that asks nobody", lambda all: bidder(all)["args"].__setitem__(3, "http://x:1")
    yield "a selector of nobody", lambda all: first(all, "Service")["spec"].update(selector={"app": "other"})
    yield "a network policy of nobody", lambda all: first(all, "NetworkPolicy")["spec"]["podSelector"].update(
        matchLabels={"app": "other"}
    )
    yield "a port that is not there", lambda all: first(all, "NetworkPolicy")["spec"]["ingress"][0]["ports"].append(
        {"port": "other"}
    )
    yield "another namespace", lambda all: first(all, "Service")["metadata"].update(namespace="other")
    yield "a version of an API that is gone", lambda all: first(all, "PodDisruptionBudget").update(
        apiVersion="policy/v1beta1"
    )


def mutations_of_the_audit_log():
    yield "an audit log where nothing may be written", lambda all: variable(all, "BIDGATE_AUDIT_FILE", "/audit.ndjson")
    yield "an audit log that is larger than its volume", lambda all: variable(all, "BIDGATE_AUDIT_FILE_KEEP", "16")
    yield "an audit log without a bound", lambda all: audit(spec(all)["volumes"]).update(emptyDir={})
    yield "an audit log that is only read", lambda all: audit(sidecar(all)["volumeMounts"]).update(readOnly=True)
    yield "an audit log that the bidder can write", lambda all: bidder(all)["volumeMounts"].append(
        audit(sidecar(all)["volumeMounts"])
    )


# By the set in which they are made.
MISTAKES = {"base": mutations, "base with audit": mutations_of_the_audit_log}


def mutated(manifests, mutation):
    changed = copy.deepcopy(manifests)
    mutation(changed)
    if changed == manifests:
        raise AssertionError("the mutation changes nothing")
    return changed


def first(manifests, kind):
    return of_kind(manifests, kind)[0]


def spec(manifests):
    return pods(manifests)[0]["spec"]


def sidecar(manifests):
    return container(pods(manifests)[0], "bidgate")


def bidder(manifests):
    return container(pods(manifests)[0], "bidder")


def variable(manifests, name, value):
    next(found for found in sidecar(manifests)["env"] if found["name"] == name)["value"] = value


def audit(named):
    return next(found for found in named if found["name"] == "bidgate-audit")


def probe(manifests, kind, address):
    sidecar(manifests)[kind]["exec"]["command"][-1] = address


def settings(manifests, old, new):
    files = next(data for data in all_data(manifests) if "bidgate.yaml" in data)
    files["bidgate.yaml"] = files["bidgate.yaml"].replace(old, new)


def policy(manifests, old, new):
    files = config_map(manifests, "bidgate-policy")
    files["policy.yaml"] = files["policy.yaml"].replace(old, new)


def all_data(manifests):
    return [found["data"] for found in of_kind(manifests, "ConfigMap")]
