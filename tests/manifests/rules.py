"""What a schema cannot say of manifests: that what they name is there, and that pods are as closed as they claim."""

import kubernetes_validate

from cluster import K8S, config_map, containers, name_of, of_kind, pods

# Native sidecars start to be there without a switch in 1.29, a sleep before the end in 1.30.
VERSIONS = [f"1.{minor}" for minor in range(30, 38)]
# Of the Prometheus operator; tests/observability looks at them.
CUSTOM = {"PodMonitor", "PrometheusRule"}
# Made beside the manifests, from files that are in no repository.
SECRETS = {"bidgate-telemetry": {"api_key", "secret_key"}}
CLUSTER_WIDE = {"Namespace"}


def schema(manifests, versions=None):
    """Each manifest against the OpenAPI of Kubernetes itself; a field that is not in it is an error."""
    for manifest in manifests:
        if manifest["kind"] in CUSTOM:
            continue
        for version in versions or VERSIONS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                yield f"{label(manifest)}: {where}: {error.message} (Kubernetes {version})"
                break
            except kubernetes_validate.SchemaNotFoundError:
                yield f"{label(manifest)}: Kubernetes {version} has no {manifest['apiVersion']}"
                break


def files():
    """One manifest a file, and the file is named for its kind."""
    for path in sorted(K8S.rglob("*.yaml")):
        text = path.read_text()
        kind = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("kind:")), None)
        if kind is None:
            continue  # settings, policies and rules for others
        expected = "kustomization" if kind == "Component" else kind.lower()
        if path.stem != expected or "\n---" in text:
            yield f"{path.relative_to(K8S)} is of kind {kind}, and should be that one alone under its name"


def references(manifests):
    """Names lead somewhere."""
    templates = pods(manifests)
    for pod in templates:
        yield from mounts(pod)
        yield from volumes(manifests, pod)
        account = pod["spec"].get("serviceAccountName")
        if account not in map(name_of, of_kind(manifests, "ServiceAccount")):
            yield f"there is no ServiceAccount {account}"
    if templates:
        yield from selectors(manifests, templates)
        yield from namespaces(manifests)


def mounts(pod):
    declared = [volume["name"] for volume in pod["spec"].get("volumes", [])]
    used = {mount["name"] for found in containers(pod) for mount in found.get("volumeMounts", [])}
    for name in used.symmetric_difference(declared):
        yield f"volume {name} is either mounted or there, and not both"
    for found in containers(pod):
        for mount in found.get("volumeMounts", []):
            if "subPath" in mount:
                yield f"{mount['name']} is mounted by subPath: it would never change"


def volumes(manifests, pod):
    for volume in pod["spec"].get("volumes", []):
        for source in volume.get("projected", {}).get("sources", []):
            name = source["configMap"]["name"]
            if name not in map(name_of, of_kind(manifests, "ConfigMap")):
                yield f"there is no ConfigMap {name}"
        secret = volume.get("secret", {}).get("secretName")
        if secret is not None and secret not in SECRETS:
            yield f"nobody is told to make the Secret {secret}"


def selectors(manifests, templates):
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "NetworkPolicy":
            wanted = spec["podSelector"]["matchLabels"]
            ports = [port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]]
        elif manifest["kind"] == "Service":
            wanted = spec["selector"]
            ports = [port["targetPort"] for port in spec["ports"]]
        elif manifest["kind"] in ("PodDisruptionBudget", "Deployment"):
            wanted, ports = spec["selector"]["matchLabels"], []
        else:
            continue
        chosen = [pod for pod in templates if wanted.items() <= pod["metadata"]["labels"].items()]
        if not chosen:
            yield f"{label(manifest)} chooses no pod: {wanted}"
        named = {port["name"] for pod in chosen for found in containers(pod) for port in found.get("ports", [])}
        for port in set(ports) - named:
            yield f"{label(manifest)}: no chosen pod has a port {port}"


def namespaces(manifests):
    used = {manifest["metadata"].get("namespace") for manifest in manifests if manifest["kind"] not in CLUSTER_WIDE}
    if used != set(map(name_of, of_kind(manifests, "Namespace"))):
        yield f"not all is in the one namespace that is made: {used}"


def closed(manifests):
    """Every container has what Pod Security calls restricted, and the rest that costs nothing."""
    for pod in pods(manifests):
        spec = pod["spec"]
        for key, wanted in {"automountServiceAccountToken": False, "enableServiceLinks": False}.items():
            if spec.get(key) is not wanted:
                yield f"pod: {key} is not {wanted}"
        for found in spec.get("initContainers", []):
            if found.get("restartPolicy") != "Always":
                yield f"container {found['name']} would have to end before the others start"
        users = [found["securityContext"].get("runAsUser") for found in containers(pod)]
        if len(set(users)) < len(users) or not all(users):
            yield f"containers share a user, or one is root: {users}"
        for found in containers(pod):
            yield from closed_container(found)


def closed_container(found):
    wanted = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    has = {key: found["securityContext"].get(key) for key in wanted}
    if has != wanted:
        yield f"container {found['name']}: {has}"
    resources = found.get("resources", {})
    if set(resources.get("requests", {})) != {"cpu", "memory"} or set(resources.get("limits", {})) != {"memory"}:
        yield f"container {found['name']}: requests of both, and a limit of memory alone: {resources}"


def label(manifest):
    return f"{manifest['kind']} {name_of(manifest)}"


def policy_of(manifests):
    return config_map(manifests, "bidgate-policy")["policy.yaml"]
