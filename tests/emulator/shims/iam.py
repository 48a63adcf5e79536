"""IAM. moto can enforce policies, but reads only a small part of them. In its place this asks, for
every request that reaches any service, who signed it and what all policies say:

- conditions (on moto a bucket policy with one denies every PutObject), policy variables, `?`, and
  resources of DynamoDB, CloudWatch Logs and others, which moto takes for `*`;
- the policies of buckets, queues and topics, explicit denials and anonymous requests among them;
- trust of services and of whole accounts, on which moto fails;
- the actions' own names: `cloudwatch:`, not `monitoring:`; `s3:GetObject` for HeadObject;
- credentials that have expired, and those of a role that is gone;
- S3 tells only whom it lets list the bucket that a key is not there (404); all others get 403.

`POST /moto-api/reset-auth` with body `0` turns it on, `inf` off, as with moto. Signatures are
checked; presigned URLs are not known.
"""

from __future__ import annotations

import io
import json
from typing import Any, Mapping

from moto import settings as moto_settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as HttpRequest
from moto.core.routing import NotFound, get_service_router
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.sts.models import sts_backends

from tests.emulator import errors
from tests.emulator.policies import ANONYMOUS, Principal, Request, is_allowed
from tests.emulator.settings import ACCOUNT, Settings, log
from tests.emulator.shims import actions
from tests.emulator.shims.callers import BODY, caller, documents, find_role, region_of

# Where the caller of a request is, in its environment, once it has passed.
_CALLER = "emulator.caller"

_ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}


def install(_: Settings) -> None:
    """Put moto's own, partial enforcement aside; its switch remains."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = lambda *_, **__: None
    # moto looks at bucket policies even without enforcement; what is here has done so by then.
    FakeBucket.get_permission = lambda *_: (
        PermissionResult.PERMITTED if enforcing() else PermissionResult.NEUTRAL
    )


def enforcing() -> bool:
    """Whether enforcement is on."""
    return moto_settings.INITIAL_NO_AUTH_ACTION_COUNT <= 0


def front_door(service: str, request: HttpRequest) -> errors.Answer | None:
    """What a request that may not pass is told; None lets it pass.

    Args:
        service: moto's name of it.
        request: as moto gets it.

    Raises:
        NotImplementedError: if the request or a policy is of a kind that is not known.
    """
    if not enforcing() or service in ("moto_api", "instance_metadata"):
        return None
    name = errors.boto_name(service)
    body = _body(request)
    operation, params = _operation(service, name, request, body)
    try:
        _check(name, operation, params, request)
    except ServiceException as refusal:
        log.info("refused: %s", refusal)
        return errors.error(service, request, refusal.code, refusal.message, 403)
    return None


def _operation(
    service: str, name: str, request: HttpRequest, body: bytes
) -> tuple[str, Mapping[str, Any]]:
    """What a request asks for, as its API names it, and its parameters, as boto3 takes them."""
    try:
        operation, uri_params = get_service_router(name).match(request)
    except NotFound:
        found = actions.without_model(name, request.method, request.path, request.headers)
        if found is None:
            raise NotImplementedError(f"iam: {request.method} {request.path} of {name}") from None
        return found
    parser = PROTOCOL_PARSERS[errors.protocol_of(service, request)]
    params = parser(operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": uri_params,
        }
    )
    return operation.name, params


def _body(request: HttpRequest) -> bytes:
    """The body, which can still be read as a form afterwards, unlike after `get_data`."""
    stream = request.environ["wsgi.input"]
    ends = request.environ.get("wsgi.input_terminated")
    body: bytes = stream.read() if ends else stream.read(request.content_length or 0)
    request.environ.update({"wsgi.input": io.BytesIO(body), BODY: body})
    return body


def caller_may(request: HttpRequest, action: str, resource: str) -> bool:
    """Whether whoever sent a request may do something more; always so without enforcement."""
    if not enforcing():
        return True
    principal, own, common = request.environ[_CALLER]
    return is_allowed(
        Request(action, resource, principal, common), own, _policy_of(resource, action)
    )


def _check(service: str, operation: str, params: Mapping[str, Any], request: HttpRequest) -> None:
    principal, own, common = request.environ[_CALLER] = caller(request)
    common.update(actions.context(service, params))
    for action, resource in actions.required(service, operation, params, region_of(request)):
        asked = Request(action, resource, principal, common)
        if action in _ALWAYS_ALLOWED and principal is not ANONYMOUS:
            continue
        assuming = action == "sts:AssumeRole"
        theirs = _policy_of(resource, action)
        if not is_allowed(asked, own, theirs, resource_must_allow=assuming):
            raise _denied(service, principal, action, resource)
    if service == "s3" and operation in ("GetObject", "HeadObject") and _is_missing(params):
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        # With the key for the prefix, as AWS does it: https://github.com/ceph/ceph/pull/68577
        listing = {**common, "s3:prefix": params["Key"]}
        asked = Request("s3:ListBucket", bucket, principal, listing)
        if not is_allowed(asked, own, _policy_of(bucket, "s3:ListBucket")):
            raise _denied(service, principal, "s3:ListBucket", bucket)


def _denied(service: str, principal: Principal, action: str, resource: str) -> ServiceException:
    code = "AccessDenied" if service in _SHORT_CODE else "AccessDeniedException"
    who = principal.names[-1] if principal.names else "an anonymous user"
    return ServiceException(
        code, f"User: {who} is not authorized to perform: {action} on resource: {resource}"
    )


_SHORT_CODE = {"cloudwatch", "iam", "s3", "sqs", "sts"}


def _is_missing(params: Mapping[str, Any]) -> bool:
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(params["Bucket"])
    return bucket is not None and params["Key"] not in bucket.keys


def _policy_of(resource: str, action: str) -> Mapping[str, Any] | None:
    """The policy of a bucket, queue, topic or role; None where it has none."""
    if resource == "*":
        return None
    _, _, service, region, _, name = resource.split(":", 5)
    found: Any = None
    if service == "s3":
        bucket = s3_backends[ACCOUNT]["aws"].buckets.get(name.split("/")[0])
        found = bucket and bucket.policy
    elif service == "sqs":
        queue = sqs_backends[ACCOUNT][region].queues.get(name)
        found = queue and queue.policy
    elif service == "sns":
        topic = sns_backends[ACCOUNT][region].topics.get(resource)
        found = topic and topic.policy
    elif action == "sts:AssumeRole":
        role = find_role(resource)
        found = role and role.assume_role_policy_document
    return json.loads(found) if found else None


# What the services do for themselves


def role_may(
    role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether a role may do something; always so while enforcement is off."""
    if not enforcing():
        return True
    role = find_role(role_arn)
    asked = Request(
        action,
        resource,
        Principal("role", (role_arn,), ACCOUNT),
        {"aws:securetransport": "true", **(context or {})},
    )
    return role is not None and is_allowed(asked, documents(role), _policy_of(resource, action))


def service_request(service: str, action: str, resource: str, source: str) -> Request:
    """A request that a service makes on behalf of a resource of this account.

    Args:
        service: its host name, such as `s3.amazonaws.com`.
        action: what it asks.
        resource: of what.
        source: the ARN of the resource on whose behalf it asks.
    """
    context = {
        "aws:sourcearn": source,
        "aws:sourceaccount": ACCOUNT,
        "aws:sourceowner": ACCOUNT,
        "aws:securetransport": "true",
    }
    return Request(action, resource, Principal("service", (service,)), context)


def assume_for(
    service: str,
    role_arn: str,
    source: str,
    *,
    name: str,
    region: str,
    seconds: int = 3600,
    condition_keys: Mapping[str, str] | None = None,
) -> Any:
    """A session of a role for a service; None where the role does not trust the service.

    Args:
        service: its host name.
        role_arn: the role.
        source: on behalf of which resource.
        name: of the session.
        region: where.
        seconds: how long its credentials last.
        condition_keys: what its requests carry besides, in lower case.
    """
    role = find_role(role_arn)
    asked = service_request(service, "sts:AssumeRole", role_arn, source)
    if role is None or not is_allowed(
        asked, resource=json.loads(role.assume_role_policy_document), resource_must_allow=True
    ):
        return None
    session = sts_backends[ACCOUNT]["aws"].assume_role(
        region_name=region,
        role_session_name=name,
        role_arn=role_arn,
        policy="",
        duration=seconds,
        external_id="",
    )
    session.condition_keys = dict(condition_keys or {})
    return session
