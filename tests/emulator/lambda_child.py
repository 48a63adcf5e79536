"""The program in which a Lambda function runs: Lambda's runtime, as far as a handler can tell.

It is run by itself, without the project on its path. Each line on standard input is an invocation;
each answer is a line that starts with `MARK`. All that the function prints goes the same way,
before its answer, and is its log.
"""

import importlib
import json
import os
import sys
import time
import traceback
import types

MARK = "\x1e"


def _context(invocation):
    deadline = time.monotonic() + invocation["seconds"]
    return types.SimpleNamespace(
        aws_request_id=invocation["request_id"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=invocation["arn"],
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        get_remaining_time_in_millis=lambda: max(0, round((deadline - time.monotonic()) * 1000)),
    )


def _failure(error, kind=None):
    print(traceback.format_exc(), flush=True)
    return {
        "error": {
            "errorMessage": str(error),
            "errorType": kind or type(error).__name__,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
    }


def _load():
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    return getattr(importlib.import_module(module.replace("/", ".")), name)


def _answer(handler, invocation):
    try:
        result = handler(invocation["event"], _context(invocation))
        return {"result": json.loads(json.dumps(result))}
    except Exception as error:  # noqa: BLE001  the function's, whatever it is: its caller is told
        return _failure(error)


def main():
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"]]
    sys.path.append(os.environ["LAMBDA_RUNTIME_DIR"])
    handler, broken = None, None
    try:
        handler = _load()
    except ImportError as error:
        broken = _failure(error, "Runtime.ImportModuleError")
    except Exception as error:  # noqa: BLE001  at import, as above
        broken = _failure(error, "Runtime.Unknown")
    for line in sys.stdin:
        answer = broken or _answer(handler, json.loads(line))
        sys.stderr.flush()
        print(MARK + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
