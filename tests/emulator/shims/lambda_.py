"""Lambda. What moto lacks, and this fills in:

- running a function without Docker: the zip runs in a Python of its own (`function_process`), with
  its role's credentials, which its role must trust Lambda with; it is kept warm; its log goes to
  CloudWatch Logs and its metrics to CloudWatch;
- LoggingConfig: forgotten; TracingConfig: not updated;
- the Qualifier of an invocation: ignored, so that the latest code runs under every alias.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import threading
import time
import uuid
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import attrs
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow

from tests.emulator.function_process import FunctionProcess, Invocation, make_runtime
from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims import role_logs
from tests.emulator.shims.iam import assume_for

_pools: list[_Pool] = []  # the one that `install` made


def install(settings: Settings) -> None:
    """Fill the gaps."""
    _pools.append(_Pool(settings))
    _keep_configuration()
    respond = LambdaResponse.invoke

    def answer(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        return _answer(self, None, body, request_headers, response_headers)

    def answer_by_name(self: Any, name: str, qualifier: str | None, *rest: Any) -> bytes:
        return _answer(self.get_function(name, qualifier), qualifier, *rest)

    def respond_with_qualifier(self: LambdaResponse) -> Any:
        self.querystring["qualifier"] = self.querystring.get("Qualifier", [None])
        return respond(self)

    LambdaResponse.invoke = respond_with_qualifier
    LambdaSimpleBackend.invoke = answer_by_name
    LambdaFunction.invoke = answer


def invoke(function: Any, qualifier: str | None, event: Any) -> Invocation:
    """Run a function.

    Args:
        function: moto's, of the version that is to run.
        qualifier: the alias or version by which it is called; None where it is called by name.
        event: for its handler.
    """
    return _pools[-1].invoke(function, qualifier, event)


def _answer(
    function: Any, qualifier: str | None, body: Any, request_headers: Any, response_headers: Any
) -> bytes:
    if request_headers.get("X-Amz-Invocation-Type") == "DryRun":
        return b""
    made = invoke(function, qualifier, json.loads(body or "{}"))
    if made.failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    tail = "\n".join(made.log).encode()[-4096:]
    response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
    response_headers["x-amz-executed-version"] = str(function.version)
    return json.dumps(made.answer).encode()


def _keep_configuration() -> None:
    get, update = LambdaFunction.get_configuration, LambdaFunction.update_configuration
    init = LambdaFunction.__init__

    def set_up(self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **more: Any) -> None:
        init(self, account_id, spec, *rest, **more)
        own = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}
        self.logging_config = {**own, **spec.get("LoggingConfig", {})}

    def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        return {**get(self, on_create), "LoggingConfig": self.logging_config}

    def update_configuration(self: Any, spec: dict[str, Any]) -> dict[str, Any]:
        self.logging_config = {**self.logging_config, **spec.get("LoggingConfig", {})}
        self.tracing_config = spec.get("TracingConfig", self.tracing_config)
        update(self, spec)
        return self.get_configuration()

    LambdaFunction.__init__ = set_up
    LambdaFunction.get_configuration = get_configuration
    LambdaFunction.update_configuration = update_configuration


@attrs.frozen
class _Warm:
    """A process at rest.

    Attributes:
        made_of: all that it was started with; when that changes, a new one is needed.
        process: which it is.
        stream: the log stream that it writes to.
    """

    made_of: str
    process: FunctionProcess
    stream: str


class _Pool:
    """The warm processes of all functions, and what they leave behind."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runtime = make_runtime(settings.folder / "lambda-runtime")
        self._lock = threading.Lock()
        self._idle: dict[str, list[_Warm]] = defaultdict(list)
        self._running: Counter[str] = Counter()

    def invoke(self, function: Any, qualifier: str | None, event: Any) -> Invocation:
        """Run a function in an idle process of it, or in a new one."""
        called = _with(function, qualifier)
        with self._lock:
            self._running[called] += 1
            at_once = self._running[called]
        started = time.monotonic()
        try:
            made, stream = self._run(function, qualifier, event)
        finally:
            with self._lock:
                self._running[called] -= 1
        _write_log(function, stream, made.log)
        _write_metrics(function, qualifier, made.failed, time.monotonic() - started, at_once)
        return made

    def _run(self, function: Any, qualifier: str | None, event: Any) -> tuple[Invocation, str]:
        """What came of it, and the log stream that it wrote to."""
        warm = self._take(function)
        if warm is None:
            return _not_trusted(function), function.version
        arn = _called_by(function, qualifier)
        made = warm.process.invoke(event, arn, float(function.timeout))
        if warm.process.alive:
            with self._lock:
                self._idle[function.function_arn].append(warm)
        return made, warm.stream

    def _take(self, function: Any) -> _Warm | None:
        """An idle process, or a new one; None where the role does not trust Lambda."""
        made_of = _made_of(function)
        with self._lock:
            idle = self._idle[function.function_arn]
            while idle:
                warm = idle.pop()
                if warm.made_of == made_of and warm.process.alive:
                    return warm
                warm.process.stop()
        stream = f"{utcnow():%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        process = self._start(function, stream)
        return process and _Warm(made_of, process, stream)

    def _start(self, function: Any, stream: str) -> FunctionProcess | None:
        if not str(function.run_time).startswith("python"):
            raise NotImplementedError(f"lambda: the runtime {function.run_time}")
        session = assume_for(
            "lambda.amazonaws.com",
            function.role,
            function.function_arn,
            name=function.function_name,
            region=function.region,
        )
        if session is None:
            return None
        return FunctionProcess(
            {
                "PATH": os.environ["PATH"],
                "LANG": "en_US.UTF-8",
                "TZ": ":UTC",
                **{name: str(value) for name, value in (function.environment_vars or {}).items()},
                "_HANDLER": function.handler,
                "AWS_ACCESS_KEY_ID": session.access_key_id,
                "AWS_DEFAULT_REGION": function.region,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ENDPOINT_URL": self._settings.url,
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
                "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
                "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
                "AWS_LAMBDA_LOG_GROUP_NAME": function.logging_config["LogGroup"],
                "AWS_LAMBDA_LOG_STREAM_NAME": stream,
                "AWS_REGION": function.region,
                "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
                "AWS_SESSION_TOKEN": session.session_token,
                "LAMBDA_RUNTIME_DIR": str(self._runtime),
                "LAMBDA_TASK_ROOT": str(self._task_root(function)),
            }
        )

    def _task_root(self, function: Any) -> Path:
        root = self._settings.folder / "lambda-code" / function.code_digest.replace(":", "-")
        if not root.is_dir():
            partial = root.with_name(f"{root.name}.{uuid.uuid4().hex}")
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                archive.extractall(partial)
            try:
                partial.rename(root)
            except OSError:  # another thread was first
                shutil.rmtree(partial)
        return root


def _made_of(function: Any) -> str:
    return json.dumps(
        [
            function.code_sha_256,
            function.handler,
            function.role,
            function.timeout,
            function.memory_size,
            function.logging_config,
            function.environment_vars,
        ],
        sort_keys=True,
    )


def _not_trusted(function: Any) -> Invocation:
    message = "The role defined for the function cannot be assumed by Lambda."
    return Invocation({"errorType": "AccessDenied", "errorMessage": message}, True, [message])


def _write_log(function: Any, stream: str, lines: list[str]) -> None:
    for line in lines:
        log.info("lambda %s: %s", function.function_name, line)
    group = function.logging_config["LogGroup"]
    role_logs.write(function.role, function.region, group, stream, lines)


def _called_by(function: Any, qualifier: str | None) -> str:
    name, _, _ = function.function_arn.partition(f":function:{function.function_name}")
    return f"{name}:function:{_with(function, qualifier)}"


def _with(function: Any, qualifier: str | None) -> str:
    return f"{function.function_name}:{qualifier}" if qualifier else str(function.function_name)


def _write_metrics(
    function: Any, qualifier: str | None, failed: bool, seconds: float, at_once: int
) -> None:
    """Tell CloudWatch of a run.

    Names and units are those of "Types of metrics for Lambda functions" and "Monitoring
    concurrency", dimensions those of "Viewing metrics for Lambda functions", all in the AWS Lambda
    Developer Guide: by function, and by alias or version where it was called by one.
    `ConcurrentExecutions`, too, is "for all functions, versions, and aliases".
    """
    values = {
        "Invocations": (1.0, "Count"),
        "Errors": (float(failed), "Count"),
        "Throttles": (0.0, "Count"),
        "Duration": (seconds * 1000, "Milliseconds"),
        "ConcurrentExecutions": (float(at_once), "Count"),
    }
    by_name = [{"Name": "FunctionName", "Value": function.function_name}]
    resource = {"Name": "Resource", "Value": _with(function, qualifier)}
    cloudwatch_backends[ACCOUNT][function.region].put_metric_data(
        "AWS/Lambda",
        [
            {
                "MetricName": name,
                "Value": value,
                "Unit": unit,
                "Timestamp": utcnow(),
                "Dimensions": dimensions,
            }
            for name, (value, unit) in values.items()
            for dimensions in (by_name, [*by_name, resource])
        ],
    )
