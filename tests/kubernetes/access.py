"""Who may do what in the API server of the tests, and what only its store can do."""

import base64
import json
import subprocess
import urllib.request


def allow(lab, subject, rules, namespace=None, *, name):
    """Grant rules to a subject: in one namespace, or in the whole cluster when it is None."""
    kind = "ClusterRole" if namespace is None else "Role"
    root = "/apis/rbac.authorization.k8s.io/v1" + (f"/namespaces/{namespace}" if namespace else "")
    lab.create(f"{root}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    lab.create(
        f"{root}/{kind.lower()}bindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    )


def account(namespace, name):
    """Return a service account as a subject."""
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def user(name):
    """Return a user as a subject."""
    return {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def client_certificate(lab, folder, name, group=None):
    """Write `client.crt` and `client.key` of a user, signed by the authority that the API server trusts."""

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    (folder / "extensions").write_text("extendedKeyUsage=clientAuth\n")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "client.key")
    subject = f"/O={group}/CN={name}" if group else f"/CN={name}"
    openssl("req", "-new", "-key", "client.key", "-subj", subject, "-out", "client.csr")
    authority = ("-CA", lab._folder / "ca.crt", "-CAkey", lab._folder / "ca.key", "-set_serial", "7")
    openssl(
        "x509", "-req", "-in", "client.csr", *authority, "-days", "2", "-extfile", "extensions", "-out", "client.crt"
    )


def compact(lab):
    """Let etcd forget every revision before the newest, as the API server has it do each five minutes.

    The API server looks every 15 s whether its cache has to forget them too.
    """

    def ask(path, body):
        request = urllib.request.Request(f"{lab.etcd}{path}", json.dumps(body).encode())  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read())

    revision = ask("/v3/kv/range", {"key": _KEY})["header"]["revision"]
    ask("/v3/kv/compaction", {"revision": revision, "physical": True})
    ask("/v3/kv/put", {"key": _KEY, "value": base64.b64encode(revision.encode()).decode()})


_KEY = base64.b64encode(b"compact_rev_key").decode()
"""Where API servers tell each other what was compacted: k8s.io/apiserver/pkg/storage/etcd3/compact.go."""
