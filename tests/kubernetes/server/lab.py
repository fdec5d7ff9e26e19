"""A kube-apiserver with its etcd on loopback ports, for tests. Needs the openssl command.

There are no controllers: a ResourceQuota has the status that a test writes, and no pod runs.
"""

import ctypes
import http.client
import json
import secrets
import signal
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_START_SECONDS = 120
_CA = "keyUsage=critical,keyCertSign,digitalSignature"
_LEAF = """\
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=IP:127.0.0.1
"""
_libc = ctypes.CDLL(None)


def _end_with_parent():
    """Ask Linux to end this process when the test run is killed."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(1, signal.SIGKILL)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


class Lab:
    """Starts with `with`, and ends its processes with it; speaks to the API server as its admin."""

    def __init__(self, program: Path, folder: Path):
        self._program, self._folder = program, folder
        self._token = secrets.token_hex(16)
        self._processes = []
        self._local = threading.local()
        self._connections = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for connection in self._connections:
            connection.close()
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            process.wait()

    def call(self, method, path, body=None, content_type="application/json"):
        """Return the status code and the decoded body of one request."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        connection = self._connection()
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        return response.status, json.loads(content) if content[:1] == b"{" else {"message": content.decode()}

    def call_all(self, requests):
        """Return the answers to (method, path, body) in their order, asked for by several threads."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda request: self.call(*request), requests))

    def create(self, path, body):
        """Create an object that must be accepted, and return it."""
        status, answer = self.call("POST", path, body)
        assert status == 201, answer
        return answer

    def _connection(self):
        if not hasattr(self._local, "connection"):
            context = ssl.create_default_context(cafile=str(self._folder / "ca.crt"))
            self._local.connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=60, context=context)
            self._connections.append(self._local.connection)
        return self._local.connection

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)

    def _spawn(self, name, *arguments):
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [self._program, name, *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads run yet
            )
        self._processes.append(process)
        return process

    def _keys(self):
        for name in ("ca", "server", "account"):
            self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        self._openssl("ec", "-in", "account.key", "-pubout", "-out", "account.pub")
        authority = ("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=tests", "-days", "2", "-addext", _CA)
        self._openssl(*authority, "-out", "ca.crt")
        self._openssl("req", "-new", "-key", "server.key", "-subj", "/CN=kube-apiserver", "-out", "server.csr")
        (self._folder / "extensions").write_text(_LEAF)
        signed = ("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "2")
        self._openssl(*signed, "-days", "2", "-out", "server.crt", "-extfile", "extensions")
        (self._folder / "tokens.csv").write_text(f'{self._token},admin,1,"system:masters"\n')

    def _start(self):
        self._keys()
        client, peer, self._port = _free_ports(3)
        client_address, peer_address = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self.etcd = client_address
        self._spawn(
            "etcd",
            "--name=lab",
            "--data-dir=etcd",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={client_address}",
            f"--advertise-client-urls={client_address}",
            f"--listen-peer-urls={peer_address}",
            f"--initial-advertise-peer-urls={peer_address}",
            f"--initial-cluster=lab={peer_address}",
        )
        server = self._spawn(
            "kube-apiserver",
            f"--etcd-servers={client_address}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--tls-cert-file=server.crt",
            "--tls-private-key-file=server.key",
            "--client-ca-file=ca.crt",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=account.pub",
            "--service-account-signing-key-file=account.key",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=0",
            "--max-mutating-requests-inflight=0",
            "--profiling=false",
            "--disable-admission-plugins=ServiceAccount",
        )
        self._wait(server)

    def _wait(self, server):
        end = time.monotonic() + _START_SECONDS
        while True:
            if server.poll() is not None or time.monotonic() > end:
                log = (self._folder / "kube-apiserver.log").read_text(errors="replace")
                raise RuntimeError(f"kube-apiserver did not start:\n{log[-3000:]}")
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
