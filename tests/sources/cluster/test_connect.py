"""Connecting as kubectl does: files, contexts, credentials, TLS, proxies, and words for what goes wrong."""

import base64
import contextlib
import datetime as dt
import json
import os
import socket
import sys
import threading

import pytest
from kubernetes.config.incluster_config import InClusterConfigLoader

from auditor.sources.cluster.connect import ClusterError, Timeouts, UnreachableError, connect
from tests.sources.cluster.api import TOKEN, Api, Reply, status, write_kubeconfig

NO_SERVER = """
contexts: [{name: a, context: {cluster: b}}]
clusters: [{name: b, cluster: {x: y}}]
current-context: a
"""
SOON = Timeouts(connect_seconds=2, read_seconds=2)


def refused(**arguments):
    """Return the text of the error that connecting ends in."""
    with pytest.raises(ClusterError) as caught:
        connect(**arguments)
    text = str(caught.value)
    assert TOKEN not in text
    assert text.isprintable()
    return text


def plugin(tmp_path, code):
    """Return the `exec` of a user whose plugin is a Python program."""
    program = tmp_path / "plugin.py"
    program.write_text(code)
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "interactiveMode": "Never",
    }


def credential(**status_):
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status_})


def test_a_context_is_named_after_itself_and_tells_the_servers_version(api, tmp_path):
    with connect(kubeconfig=str(write_kubeconfig(tmp_path / "k", f"{api.url}/", context="prod"))) as connection:
        assert (connection.name, connection.server, connection.kubernetes_version) == ("prod", api.url, "1.34")


def test_a_server_below_a_path_is_asked_there(api, tmp_path):
    api.replies["/k8s/clusters/c-1/version"] = [Reply({"major": "1", "minor": "30"})]
    with connect(kubeconfig=str(write_kubeconfig(tmp_path / "k", f"{api.url}/k8s/clusters/c-1"))) as connection:
        assert connection.kubernetes_version == "1.30"
        assert connection.server == api.url


class TestFiles:
    def test_kubeconfig_names_several_files_and_the_first_current_context_holds(self, api, tmp_path):
        first = write_kubeconfig(tmp_path / "first", "https://127.0.0.1:1", context="unused", current=False)
        second = write_kubeconfig(tmp_path / "second", api.url, context="wanted")
        third = write_kubeconfig(tmp_path / "third", "https://127.0.0.1:1", context="later")
        several = os.pathsep.join(map(str, (first, tmp_path / "absent", second, third)))
        with connect(environ={"KUBECONFIG": several}) as connection:
            assert connection.name == "wanted"

    def test_the_first_of_two_users_of_one_name_holds(self, api, tmp_path):
        first = write_kubeconfig(tmp_path / "first", api.url, current=False)
        second = write_kubeconfig(tmp_path / "second", "https://127.0.0.1:1", user={"token": "other"})
        with connect("lab", environ={"KUBECONFIG": f"{first}{os.pathsep}{second}"}) as connection:
            assert connection.server == api.url

    def test_a_context_may_be_in_one_file_and_its_cluster_in_another(self, api, tmp_path):
        whole = json.loads(write_kubeconfig(tmp_path / "whole", api.url).read_text())
        parts = []
        for key in ("contexts", "clusters", "users"):
            part = tmp_path / key
            part.write_text(json.dumps({"kind": "Config", "current-context": "", key: whole[key]}))
            parts.append(str(part))
        with connect("lab", environ={"KUBECONFIG": os.pathsep.join(parts)}) as connection:
            assert connection.name == "lab"

    def test_certificates_are_looked_for_beside_the_file_that_names_them(self, certificates, tmp_path):
        (tmp_path / "inner").mkdir()
        (tmp_path / "inner" / "authority.crt").write_bytes((certificates / "ca.crt").read_bytes())
        with Api(certificates) as api:
            first = write_kubeconfig(tmp_path / "first", "https://127.0.0.1:1", context="unused", current=False)
            file = tmp_path / "inner" / "k"
            write_kubeconfig(file, api.url, cluster={"certificate-authority": "authority.crt"})
            with connect(environ={"KUBECONFIG": f"{first}{os.pathsep}{file}"}) as connection:
                assert connection.kubernetes_version == "1.34"

    def test_an_argument_overrides_the_environment(self, api, tmp_path):
        wrong = write_kubeconfig(tmp_path / "wrong", "https://127.0.0.1:1")
        right = write_kubeconfig(tmp_path / "right", api.url, context="right")
        with connect(kubeconfig=str(right), environ={"KUBECONFIG": str(wrong)}) as connection:
            assert connection.name == "right"

    def test_files_that_are_not_there_are_named(self, tmp_path):
        assert (
            refused(environ={"KUBECONFIG": str(tmp_path / "absent")})
            == f"kubeconfig: there is no file {tmp_path}/absent"
        )

    def test_a_context_that_is_not_there_is_told_with_those_that_are(self, tmp_path):
        file = write_kubeconfig(tmp_path / "k", "https://127.0.0.1:1")
        assert refused(context="prod", kubeconfig=str(file)) == f"{file}: has no context prod: it has lab"

    def test_no_current_context_asks_for_one(self, tmp_path):
        file = write_kubeconfig(tmp_path / "k", "https://127.0.0.1:1", current=False)
        assert refused(kubeconfig=str(file)) == f"{file}: has no current context: name one of lab"

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("a: [", "is no YAML"),
            ("- a\n", "is no kubeconfig"),
            ("", "is no kubeconfig"),
            ("contexts: 5\ncurrent-context: a\n", "is no proper kubeconfig"),
            ("contexts: [{name: a}]\ncurrent-context: a\n", "Expected key context"),
            ("contexts: [{name: a, context: {cluster: b}}]\ncurrent-context: a\n", "object with name b"),
            (NO_SERVER, "names no server"),
        ],
    )
    def test_a_misshapen_file_is_told_by_its_name(self, content, said, tmp_path):
        file = tmp_path / "kubeconfig"
        file.write_text(content)
        text = refused(kubeconfig=str(file))
        assert text.startswith((str(file), "context a"))
        assert said in text

    def test_faults_do_not_show_what_the_file_holds(self, tmp_path):
        file = tmp_path / "kubeconfig"
        file.write_text(f"users:\n- user: {{token: {TOKEN}\n  name: [")
        assert "is no YAML" in refused(kubeconfig=str(file))
        whole = json.loads(write_kubeconfig(file, "https://127.0.0.1:1").read_text())
        whole["users"] = [{"name": "lab-user", "token": TOKEN}]
        file.write_text(json.dumps(whole))
        assert refused(kubeconfig=str(file)).startswith(f"{file}: Invalid kube-config file. Expected key user in")

    def test_neither_do_those_of_a_plugins_settings(self, tmp_path):
        user = {"exec": {"command": "x", "apiVersion": "v1", "env": [{"name": "A", "secret": TOKEN}]}}
        file = write_kubeconfig(tmp_path / "k", "https://127.0.0.1:1", user=user)
        assert "the exec plugin x gave no credentials: Invalid kube-config file. Expected key value in" in refused(
            kubeconfig=str(file)
        )


class TestServiceAccount:
    @pytest.fixture
    def folder(self, certificates, tmp_path):
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "ca.crt").write_bytes((certificates / "ca.crt").read_bytes())
        return tmp_path

    def test_a_pod_without_kubeconfig_uses_its_service_account(self, folder, certificates, monkeypatch):
        monkeypatch.setenv("HOME", str(folder))
        with Api(certificates) as api:
            host, port = api.url.removeprefix("https://").split(":")
            environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
            with connect(environ=environ, service_account=folder) as connection:
                assert connection.name == "in-cluster"
                assert connection.server == api.url

    def test_a_token_that_is_rotated_is_read_again(self, folder, certificates, monkeypatch):
        monkeypatch.setenv("HOME", str(folder))
        read = InClusterConfigLoader._read_token_file

        def read_and_end(loader):
            read(loader)
            loader.token_expires_at -= dt.timedelta(minutes=1)

        monkeypatch.setattr(InClusterConfigLoader, "_read_token_file", read_and_end)
        with Api(certificates) as api:
            host, port = api.url.removeprefix("https://").split(":")
            environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
            with connect(environ=environ, service_account=folder) as connection:
                api.token = f"{TOKEN}-2"
                (folder / "token").write_text(api.token)
                assert connection.get("/version").status == 200
                (folder / "token").unlink()
                with pytest.raises(UnreachableError, match=r"the credentials cannot be renewed: .*No such file"):
                    connection.get("/version")

    def test_a_kubeconfig_goes_before_it(self, folder, api, monkeypatch):
        monkeypatch.setenv("HOME", str(folder))
        (folder / ".kube").mkdir()
        write_kubeconfig(folder / ".kube" / "config", api.url, context="home")
        with connect(environ={}, service_account=folder) as connection:
            assert connection.name == "home"

    def test_a_context_is_never_taken_for_it(self, folder, monkeypatch):
        monkeypatch.setenv("HOME", str(folder))
        assert "context prod: there is no kubeconfig" in refused(context="prod", environ={}, service_account=folder)

    def test_neither_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        text = refused(environ={}, service_account=tmp_path)
        assert "there is no kubeconfig" in text
        assert "no pod with a service account" in text

    def test_a_pod_without_the_address_of_its_cluster_is_told(self, folder, monkeypatch):
        monkeypatch.setenv("HOME", str(folder))
        assert "Service host/port is not set" in refused(environ={}, service_account=folder)


class TestCredentials:
    def connected(self, api, tmp_path, user, **cluster):
        return connect(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, user=user, cluster=cluster)))

    def test_a_server_that_asks_for_none_needs_no_user(self, api, tmp_path):
        # as behind kubectl proxy
        api.token = None
        with self.connected(api, tmp_path, {}) as connection:
            assert connection.kubernetes_version == "1.34"
        assert api.requests[-1].headers["Authorization"] is None

    def test_a_token_that_no_header_can_carry_is_not_quoted(self, api, tmp_path):
        file = write_kubeconfig(tmp_path / "k", api.url, user={"token": f"{TOKEN}\n{TOKEN}"})
        assert refused(kubeconfig=str(file)).endswith(": the token has characters that no header can carry")
        assert not api.requests

    def test_nobody_can_be_impersonated_by_a_header_of_two_lines(self, api, tmp_path):
        file = write_kubeconfig(tmp_path / "k", api.url, user={"token": TOKEN, "as": "jane\nImpersonate-Group: root"})
        assert "Invalid header value" in refused(kubeconfig=str(file))
        assert not api.requests

    def test_a_token_file_may_end_with_a_line_break(self, api, tmp_path):
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        with self.connected(api, tmp_path, {"tokenFile": "token"}) as connection:
            assert connection.kubernetes_version == "1.34"

    def test_name_and_password_are_sent_as_basic_authentication(self, api, tmp_path):
        api.token = None
        with self.connected(api, tmp_path, {"username": "ann", "password": "secret"}):
            assert api.requests[-1].headers["Authorization"] == "Basic " + base64.b64encode(b"ann:secret").decode()

    def test_a_plugin_gives_the_token(self, api, tmp_path):
        code = f"print({credential(token=TOKEN)!r})"
        with self.connected(api, tmp_path, {"exec": plugin(tmp_path, code)}) as connection:
            assert connection.kubernetes_version == "1.34"

    def test_a_plugin_is_asked_again_when_its_token_ends(self, api, tmp_path):
        counter = tmp_path / "runs"
        ended = credential(token=TOKEN, expirationTimestamp="2020-01-01T00:00:00Z")
        code = (
            "import json, pathlib\n"
            f"runs = pathlib.Path({str(counter)!r})\n"
            "count = len(runs.read_text()) if runs.exists() else 0\n"
            "runs.write_text('x' * (count + 1))\n"
            f"print(json.dumps({json.loads(ended)!r})"
            f".replace({TOKEN!r}, f'token-{{count}}'))\n"
        )
        api.token = None
        with self.connected(api, tmp_path, {"exec": plugin(tmp_path, code)}) as connection:
            before = api.requests[-1].headers["Authorization"]
            connection.get("/version")
            assert api.requests[-1].headers["Authorization"] != before

    def test_a_plugin_that_fails_later_says_so_without_what_it_wrote(self, api, tmp_path, capsys):
        ended = credential(token=TOKEN, expirationTimestamp="2020-01-01T00:00:00Z")
        marker = tmp_path / "ran"
        code = (
            f"import pathlib, sys\nmarker = pathlib.Path({str(marker)!r})\n"
            f"if len(marker.read_text() if marker.exists() else '') > 1: sys.exit('session of {TOKEN} ended')\n"
            f"marker.open('a').write('x')\nprint({ended!r})\n"
        )
        user = {"exec": plugin(tmp_path, code)}
        with self.connected(api, tmp_path, user) as connection, pytest.raises(UnreachableError) as caught:
            connection.get("/version")
        assert str(caught.value) == "the credentials cannot be renewed: exec: process returned 1. session of *** ended"
        assert caught.value.lasting
        assert capsys.readouterr().err == ""

    def test_a_plugin_gives_a_client_certificate(self, certificates, tmp_path):
        given = {"clientCertificateData": (certificates / "client.crt").read_text()}
        given["clientKeyData"] = (certificates / "client.key").read_text()
        with Api(certificates, want_client=True) as api:
            api.token = None
            user = {"exec": plugin(tmp_path, f"print({credential(**given)!r})")}
            authority = str(certificates / "ca.crt")
            with self.connected(api, tmp_path, user, **{"certificate-authority": authority}) as connection:
                assert connection.kubernetes_version == "1.34"

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("import sys; sys.exit('log in first')", "log in first"),
            ("print('no JSON')", "failed to decode"),
            ("print('{}')", "missing key"),
            (
                'print(\'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "E", "status": {}}\')',
                "missing token",
            ),
        ],
    )
    def test_a_plugin_that_fails_is_an_error_and_no_anonymous_request(self, code, said, api, tmp_path, capsys):
        api.token = None
        file = write_kubeconfig(tmp_path / "k", api.url, user={"exec": plugin(tmp_path, code)})
        text = refused(kubeconfig=str(file))
        assert text.startswith(f"context lab: the exec plugin {sys.executable} gave no credentials: ")
        assert said in text
        assert not api.requests
        assert capsys.readouterr().err == ""

    def test_a_plugin_that_is_not_installed_is_named(self, api, tmp_path):
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin"}}
        assert "no-such-plugin gave no credentials" in refused(
            kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, user=user))
        )

    def test_an_unknown_auth_provider_is_an_error(self, api, tmp_path):
        file = write_kubeconfig(tmp_path / "k", api.url, user={"auth-provider": {"name": "azure"}})
        assert refused(kubeconfig=str(file)) == (
            "context lab: auth-provider azure gave no credentials: use its exec plugin"
        )

    def test_who_is_impersonated_is_said_as_kubectl_does(self, api, tmp_path):
        user = {"token": TOKEN, "as": "viewer", "as-uid": "u1", "as-groups": ["a", "b"]}
        user["as-user-extra"] = {"example.com/reason": ["audit"]}
        with self.connected(api, tmp_path, user):
            headers = api.requests[-1].headers
        assert headers["Impersonate-User"] == "viewer"
        assert headers["Impersonate-Uid"] == "u1"
        assert headers.get_all("Impersonate-Group") == ["a", "b"]
        assert headers["Impersonate-Extra-example.com%2Freason"] == "audit"

    def test_refused_credentials_name_the_context_and_the_server(self, api, tmp_path):
        api.token = TOKEN[1:]
        text = refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url)))
        assert text == f"context lab: {api.url}: the server does not accept the credentials (HTTP 401): log in again"

    def test_answers_come_packed_unless_the_cluster_says_no(self, api, tmp_path):
        with self.connected(api, tmp_path, {"token": TOKEN}):
            assert api.requests[-1].headers["Accept-Encoding"] == "gzip"
        with self.connected(api, tmp_path, {"token": TOKEN}, **{"disable-compression": True}):
            assert api.requests[-1].headers.get("Accept-Encoding", "identity") == "identity"


class TestTls:
    def connected(self, api, tmp_path, user=None, **cluster):
        return connect(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, user=user, cluster=cluster)))

    def test_the_authority_may_stand_in_the_file(self, certificates, tmp_path):
        data = base64.b64encode((certificates / "ca.crt").read_bytes()).decode()
        with (
            Api(certificates) as api,
            self.connected(api, tmp_path, **{"certificate-authority-data": data}) as connection,
        ):
            assert connection.kubernetes_version == "1.34"

    def test_a_server_of_another_authority_is_refused(self, certificates, tmp_path):
        with Api(certificates) as api:
            cluster = {"certificate-authority": str(certificates / "other.crt")}
            text = refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, cluster=cluster)))
            assert not api.requests
        assert text.startswith(f"context lab: {api.url}: TLS: ")
        assert text.endswith(": is the certificate-authority of the kubeconfig this server's?")
        assert "certificate verify failed" in text

    def test_verification_is_off_only_when_the_file_says_so(self, certificates, tmp_path):
        with Api(certificates) as api:
            with self.connected(api, tmp_path, **{"insecure-skip-tls-verify": True}) as connection:
                assert connection.kubernetes_version == "1.34"
            assert "certificate verify failed" in refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url)))

    def test_the_name_in_the_certificate_may_be_another(self, certificates, tmp_path):
        authority = {"certificate-authority": str(certificates / "ca.crt")}
        with Api(certificates) as api:
            with self.connected(api, tmp_path, **authority, **{"tls-server-name": "api.example"}) as connection:
                assert connection.kubernetes_version == "1.34"
            cluster = authority | {"tls-server-name": "other.example"}
            assert "TLS" in refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, cluster=cluster)))

    def test_a_client_certificate_proves_who_asks(self, certificates, tmp_path):
        user = {"client-certificate": str(certificates / "client.crt"), "client-key": str(certificates / "client.key")}
        authority = {"certificate-authority": str(certificates / "ca.crt")}
        with Api(certificates, want_client=True) as api:
            api.token = None
            with self.connected(api, tmp_path, user, **authority) as connection:
                assert connection.kubernetes_version == "1.34"
            file = write_kubeconfig(tmp_path / "k", api.url, cluster=authority)
            assert "context lab: " in refused(kubeconfig=str(file), timeouts=SOON)

    def test_a_client_certificate_that_is_not_there_is_named(self, tmp_path):
        user = {"client-certificate": "absent.crt", "client-key": "absent.key"}
        file = write_kubeconfig(tmp_path / "k", "https://127.0.0.1:1", user=user)
        assert "absent.crt" in refused(kubeconfig=str(file))

    def test_a_client_certificate_that_is_none_is_a_fault_of_tls(self, certificates, tmp_path):
        (tmp_path / "bad.pem").write_text("no certificate")
        user = {"client-certificate": "bad.pem", "client-key": "bad.pem"}
        with Api(certificates) as api:
            cluster = {"certificate-authority": str(certificates / "ca.crt")}
            file = write_kubeconfig(tmp_path / "k", api.url, user=user, cluster=cluster)
            assert refused(kubeconfig=str(file)).endswith(": TLS: the client certificate or its key is no PEM file")


class Proxy:
    """Lets CONNECT through, and keeps what it was asked for."""

    def __init__(self):
        self.asked = []
        self._ends = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self):
        pipes = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.decode())
            host, _, port = head.split()[1].decode().rpartition(":")
            server = socket.create_connection((host, int(port)))
            self._ends += (client, server)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for pair in ((client, server), (server, client)):
                pipes.append(threading.Thread(target=self._pipe, args=pair))
                pipes[-1].start()
        for pipe in pipes:
            pipe.join()

    @staticmethod
    def _pipe(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


class TestProxy:
    def test_proxy_url_is_used_whatever_no_proxy_says(self, certificates, tmp_path, monkeypatch):
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with Api(certificates) as api, Proxy() as proxy:
            cluster = {"certificate-authority": str(certificates / "ca.crt")}
            cluster["proxy-url"] = f"http://127.0.0.1:{proxy.port}"
            with connect(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, cluster=cluster))) as connection:
                assert connection.kubernetes_version == "1.34"
            assert proxy.asked[0].startswith(f"CONNECT {api.url.removeprefix('https://')} ")

    def test_a_proxy_that_does_not_answer_is_told_without_its_password(self, api, tmp_path):
        cluster = {"proxy-url": "http://ann:hunter2@127.0.0.1:1"}
        text = refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url, cluster=cluster)))
        assert text == f"context lab: {api.url}: the proxy does not answer: Connection refused"

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1", "socks5://127.0.0.1:1"])
    @pytest.mark.filterwarnings("ignore:SOCKS support")
    def test_a_proxy_that_cannot_be_used_is_told(self, url, api, tmp_path):
        file = write_kubeconfig(tmp_path / "k", api.url, cluster={"proxy-url": url})
        assert "context lab: " in refused(kubeconfig=str(file))


class TestFaults:
    def test_a_refused_connection_names_the_server(self, tmp_path):
        text = refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", "https://127.0.0.1:1")))
        assert text == "context lab: https://127.0.0.1:1: no connection: Connection refused"

    def test_a_name_that_does_not_exist_is_told(self, tmp_path):
        text = refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", "https://no-such-host.invalid")))
        assert text == "context lab: https://no-such-host.invalid: its name cannot be resolved"

    def test_a_server_that_does_not_answer_the_connection_is_told(self, tmp_path):
        with socket.socket() as listener, contextlib.ExitStack() as others:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(4):  # more than the queue holds
                other = others.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex(listener.getsockname())
            file = write_kubeconfig(tmp_path / "k", f"https://127.0.0.1:{listener.getsockname()[1]}")
            text = refused(kubeconfig=str(file), timeouts=Timeouts(connect_seconds=0.1))
        assert text.endswith(": no connection in time")

    def test_an_address_that_is_none_is_told(self, tmp_path):
        assert "Invalid IPv6 URL" in refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", "https://[bad")))
        for server in ("127.0.0.1:6443", "ftp://127.0.0.1", "https://"):
            text = refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", server)))
            assert text == "context lab: the server of its cluster is no URL"

    def test_a_server_that_says_nothing_is_told(self, api, tmp_path):
        api.replies["/version"] = [Reply(b"{}", delay=1)]
        file = write_kubeconfig(tmp_path / "k", api.url)
        assert refused(kubeconfig=str(file), timeouts=Timeouts(read_seconds=0.1)).endswith("no answer in time")

    @pytest.mark.parametrize(
        "reply",
        [Reply(b"<html>log in</html>"), Reply(b"[]"), Reply({"major": "x"}), status(404), Reply(b"", 302), status(400)],
    )
    def test_what_is_no_api_server_is_told(self, reply, api, tmp_path):
        api.replies["/version"] = [reply]
        assert "this is no Kubernetes API server (HTTP " in refused(
            kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url))
        )

    @pytest.mark.parametrize("reply", [status(403), status(503)])
    def test_a_server_that_does_not_tell_its_version_is_read_all_the_same(self, reply, api, tmp_path):
        api.replies["/version"] = [reply]
        with connect(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url))) as connection:
            assert connection.kubernetes_version is None

    def test_an_echo_of_the_token_is_not_shown(self, api, tmp_path):
        api.replies["/version"] = [status(400, f"bad header Bearer {TOKEN}")]
        assert "Bearer ***" in refused(kubeconfig=str(write_kubeconfig(tmp_path / "k", api.url)))
