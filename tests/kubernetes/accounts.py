"""Users of the API server in tests: kubeconfigs for its admin and for service accounts."""

import json
import time


def kubeconfig(lab, path, token=None):
    """Write a kubeconfig for the admin, or for who holds a token, and return its path as text."""
    server = {"server": f"https://127.0.0.1:{lab._port}", "certificate-authority": str(lab._folder / "ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": server}],
        "users": [{"name": "user", "user": {"token": token or lab._token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "user"}}],
        "current-context": "lab",
    }
    path.write_text(json.dumps(config))
    return str(path)


def token_of(lab, namespace, name):
    """Return a token of a service account, which is made when it is not there."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    code, answer = lab.call("POST", path, {"metadata": {"name": name}})
    assert code in (201, 409), answer
    return lab.create(f"{path}/{name}/token", {"spec": {}})["status"]["token"]


def wait_for(condition, seconds=30):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)
