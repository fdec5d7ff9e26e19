"""A small API server that says what a test tells it to: pages, faults, cuts; on loopback, with TLS when asked."""

import json
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

TOKEN = "correct-horse"  # noqa: S105 - lets nobody in anywhere

CORE = {
    "/api/v1/nodes": "Node",
    "/api/v1/namespaces": "Namespace",
    "/api/v1/limitranges": "LimitRange",
    "/api/v1/resourcequotas": "ResourceQuota",
    "/api/v1/replicationcontrollers": "ReplicationController",
    "/api/v1/pods": "Pod",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": "CustomResourceDefinition",
    "/apis/apps/v1/daemonsets": "DaemonSet",
    "/apis/apps/v1/deployments": "Deployment",
    "/apis/apps/v1/replicasets": "ReplicaSet",
    "/apis/apps/v1/statefulsets": "StatefulSet",
    "/apis/autoscaling/v2/horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "/apis/batch/v1/cronjobs": "CronJob",
    "/apis/batch/v1/jobs": "Job",
    "/apis/node.k8s.io/v1/runtimeclasses": "RuntimeClass",
    "/apis/scheduling.k8s.io/v1/priorityclasses": "PriorityClass",
}
"""What every cluster serves that is read by default."""


@dataclass(frozen=True)
class Reply:
    """One answer. A body that is no bytes is sent as JSON."""

    body: object = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    cut_at: int | None = None
    """Close the connection after so many bytes of the body."""
    delay: float = 0


@dataclass(frozen=True)
class Request:
    path: str
    query: dict
    headers: Message


def status(code, message="", **more):
    """Return a refusal as Kubernetes words it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code} | more
    return Reply(body, code)


def page(kind, names, token="", namespace="team-a", **more):
    """Return a page of objects of these names; an item may be a whole object too."""
    items = [
        item if isinstance(item, dict) else {"metadata": {"name": item, "namespace": namespace, "uid": f"uid-{item}"}}
        for item in names
    ]
    return Reply({"kind": f"{kind}List", "apiVersion": "v1", "metadata": {"continue": token}, "items": items} | more)


def groups(*names):
    """Return the old form of discovery."""
    return Reply({"kind": "APIGroupList", "groups": [{"name": name, "versions": []} for name in names]})


class Api:
    """Starts and ends with `with`. `replies` are by path: the first ones are used up, the last one stays."""

    def __init__(self, certificates=None, *, want_client=False):
        self.replies = {path: [page(kind, ())] for path, kind in CORE.items()}
        self.replies["/version"] = [Reply({"major": "1", "minor": "34+", "gitVersion": "v1.34.1-eks"})]
        self.replies["/apis"] = [groups("apps", "batch")]
        self.requests = []
        self.token = TOKEN
        """None lets everybody in."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                outer.serve(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        self.scheme = "http" if certificates is None else "https"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
            if want_client:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(certificates / "ca.crt")
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"{self.scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def asked(self, path):
        """Return the queries of the requests for a path, in order."""
        return [request.query for request in self.requests if request.path == path]

    def serve(self, handler):
        parts = urlsplit(handler.path)
        self.requests.append(Request(parts.path, dict(parse_qsl(parts.query)), handler.headers))
        replies = self.replies.get(parts.path)
        said = handler.headers.get("Authorization", "")
        if self.token is not None and said.lower() != f"bearer {self.token}":
            reply = status(401, "Unauthorized")
        elif replies is None:
            reply = status(404, "the server could not find the requested resource")
        else:
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self._send(handler, reply)

    def _send(self, handler, reply):
        time.sleep(reply.delay)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        handler.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": len(body)} | reply.headers).items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(body[: reply.cut_at])
        handler.wfile.flush()
        if reply.cut_at is not None:
            handler.close_connection = True


_EXTENSIONS = "subjectAltName=IP:127.0.0.1,DNS:api.example\nextendedKeyUsage=serverAuth,clientAuth\n"


def make_certificates(folder: Path):
    """Write a CA, a server's and a client's certificate signed by it, and another CA; needs openssl."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "extensions").write_text(_EXTENSIONS)
    for name in ("ca", "server", "client", "other"):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
    for name in ("ca", "other"):
        openssl(
            "req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.crt"
        )
    for name in ("server", "client"):
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        signed = ("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        openssl(*signed, "-days", "2", "-extfile", "extensions", "-out", f"{name}.crt")
    return folder


def write_kubeconfig(path: Path, server, *, context="lab", user=None, cluster=None, current=True):
    """Write a kubeconfig with one context and return it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"{context}-cluster", "cluster": {"server": server} | (cluster or {})}],
        "users": [{"name": f"{context}-user", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": context, "context": {"cluster": f"{context}-cluster", "user": f"{context}-user"}}],
    }
    if current:
        config["current-context"] = context
    path.write_text(json.dumps(config))
    return path
