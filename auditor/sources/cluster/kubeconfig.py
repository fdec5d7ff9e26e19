"""Which cluster, and as whom: from kubeconfig files, or from the service account of the pod that this runs in.

The `kubernetes` package reads the files and runs what they name (exec plugins, OIDC refreshes). Held here is what it
does otherwise than kubectl: the first of several files that has a current context decides, `proxy-url` holds whatever
NO_PROXY says, `as` impersonates, and a plugin that fails is an error, not an anonymous request.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts a pod's token and the CA."""
IN_CLUSTER = "in-cluster"
"""The name of the cluster that this runs in."""
_DEFAULT = "~/.kube/config"
_SHOWN = 300
_ENTRY = re.compile(r"/?\{.*\}", re.DOTALL)
"""An entry of a kubeconfig, tokens included, that the `kubernetes` package puts into its words."""


class ClusterError(Exception):
    """A cluster that cannot be connected to: wrong use (exit code 2). Its text is for people and holds no secret."""


class NoAnswerError(ClusterError):
    """A cluster that is known and gives no answer, or none that can be used: it is down, or refuses the credentials."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one cluster is reached."""

    name: str
    """The context, or `in-cluster`."""
    configuration: Any
    """A `kubernetes.client.Configuration`; its tokens are fresh when it is asked for its auth settings."""
    headers: tuple[tuple[str, str], ...] = ()
    """Whom the user impersonates, as headers of each request."""
    compressed: bool = True
    """Whether answers may come packed; `disable-compression` of the cluster says no."""


def load_settings(
    context: str | None,
    kubeconfig: str | None,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Settings:
    """Return the settings of a context; None is the current one, or the cluster that this runs in. Raises ClusterError.

    `kubeconfig` is a file, or a list of files as in KUBECONFIG, which it overrides.
    """
    named = kubeconfig or environ.get("KUBECONFIG") or ""
    listed = [file for file in named.split(os.pathsep) if file] or [_DEFAULT]
    files = [Path(file).expanduser() for file in listed]
    found = [file for file in files if file.is_file()]
    if found:
        return _from_files(found, context)
    if named:
        raise ClusterError(f"kubeconfig: there is no file {', '.join(map(str, files))}")
    if context is not None:
        raise ClusterError(f"context {context}: there is no kubeconfig: set KUBECONFIG or write {files[0]}")
    if not (service_account / "token").is_file():
        raise ClusterError(
            f"no cluster to connect to: there is no kubeconfig ({files[0]}, or the files that KUBECONFIG names),"
            " and this is no pod with a service account"
        )
    return _from_service_account(environ, service_account)


def tidy(text: object) -> str:
    """Return a text that others wrote as one line of bounded length that can be printed."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect what the `kubernetes` package only logs, such as why a plugin failed."""
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(_ENTRY.sub("", record.getMessage()))

    ear = Ear(logging.ERROR)
    logging.getLogger().addHandler(ear)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(ear)


def faults() -> tuple[type[Exception], ...]:
    """Return what reading a configuration and getting its credentials raises.

    The package checks little of the files' shape; what is misshapen ends in one of Python's own errors.
    """
    import yaml
    from kubernetes.client.exceptions import OpenApiException
    from kubernetes.config import ConfigException
    from oauthlib.oauth2 import OAuth2Error
    from urllib3.exceptions import HTTPError

    shapes = (OSError, ValueError, KeyError, TypeError, AttributeError)
    return (ConfigException, OpenApiException, OAuth2Error, HTTPError, yaml.YAMLError, *shapes)


def _from_service_account(environ: Mapping[str, str], folder: Path) -> Settings:
    from kubernetes.client import Configuration
    from kubernetes.config.incluster_config import InClusterConfigLoader

    configuration = Configuration()
    loader = InClusterConfigLoader(str(folder / "token"), str(folder / "ca.crt"), environ=environ)
    try:
        loader.load_and_set(configuration)
    except faults() as error:
        raise ClusterError(f"service account in {folder}: {words(error)}") from None
    return Settings(IN_CLUSTER, configuration)


def _from_files(files: list[Path], context: str | None) -> Settings:
    from kubernetes.client import Configuration

    shown = os.pathsep.join(map(str, files))
    try:
        merger = _merged(files)
        name = context or _current(merger, files)
        names = [entry.value["name"] for entry in merger.config.value["contexts"]]
        if not name:
            raise ClusterError(f"{shown}: has no current context: name one of {_few(names)}")
        if name not in names:
            raise ClusterError(f"{shown}: has no context {tidy(name)}: it has {_few(names)}")
        configuration = Configuration()
        loader = _loaded(merger, name, configuration)
    except faults() as error:
        where = shown if context is None else f"{shown}: context {tidy(context)}"
        raise ClusterError(f"{where}: {words(error)}") from None
    user = loader._user.value if loader._user else {}  # noqa: SLF001 - nothing public tells
    cluster = loader._cluster.value  # noqa: SLF001
    if cluster.get("proxy-url"):
        configuration.proxy, configuration.no_proxy = cluster["proxy-url"], None
    return Settings(name, configuration, tuple(_impersonated(user)), not cluster.get("disable-compression"))


def _merged(files: list[Path]) -> Any:
    import yaml
    from kubernetes.config.kube_config import KubeConfigMerger

    for file in files:
        data = yaml.safe_load(file.read_bytes())
        if not isinstance(data, dict):
            raise ClusterError(f"{file}: is no kubeconfig")
    return KubeConfigMerger(os.pathsep.join(map(str, files)))


def _current(merger: Any, files: list[Path]) -> str | None:
    """Return the current context: the first file that says one decides."""
    said = (merger.config_files[str(file)].get("current-context") for file in files)
    return next((name for name in said if name), None)


def _loaded(merger: Any, name: str, configuration: Any) -> Any:
    """Fill the configuration with a context of the files; return what read them. Raises ClusterError and `faults()`."""
    from kubernetes.config.kube_config import KubeConfigLoader

    with heard() as lines:
        loader = KubeConfigLoader(merger.config, name, config_base_path=None, config_persister=merger.save_changes)
        if not loader._cluster.safe_get("server"):  # noqa: SLF001
            raise ClusterError(f"context {tidy(name)}: its cluster names no server")
        loader.load_and_set(configuration)
    user = loader._user.value if loader._user else {}  # noqa: SLF001
    if configuration.api_key or configuration.cert_file:
        return loader
    if "exec" in user:
        command = tidy(user["exec"].get("command"))
        told = f": {tidy(lines[-1])}" if lines else ""
        raise ClusterError(f"context {tidy(name)}: the exec plugin {command} gave no credentials{told}")
    if "auth-provider" in user:
        provider = tidy(user["auth-provider"].get("name"))
        raise ClusterError(f"context {tidy(name)}: auth-provider {provider} gave no credentials: use its exec plugin")
    return loader


def _impersonated(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers of `as`, `as-uid`, `as-groups` and `as-user-extra`, as client-go sends them."""
    from urllib.parse import quote

    if not user.get("as"):
        return
    yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(str(key), safe='')}", str(value)


def _few(names: list[str]) -> str:
    shown = ", ".join(map(tidy, names[:10])) or "none"
    return shown + (" ..." if len(names) > 10 else "")


def words(error: Exception) -> str:
    """Return what one of `faults()` says, without the values of the file that its text may hold."""
    import yaml

    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: is no YAML: {tidy(error.problem)}"
    if isinstance(error, KeyError | TypeError | AttributeError):
        return f"is no proper kubeconfig ({type(error).__name__})"
    return tidy(_ENTRY.sub("", str(error)))
