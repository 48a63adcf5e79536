"""Who sent a request: its signature, its principal, and that principal's policies.

Presigned URLs, session policies and permissions boundaries are not known, and said to be lacking.
"""

from __future__ import annotations

import json
from typing import Any, Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.exceptions import ServiceException
from moto.core.request import Request as HttpRequest
from moto.core.utils import utcnow
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.sts.models import sts_backends

from tests.emulator.policies import ANONYMOUS, Principal
from tests.emulator.settings import ACCOUNT, ROOT_KEYS, TRANSPORT_HEADER

#: Where the body of a request is, in its environment, by the time that it is looked at.
BODY = "emulator.body"

Documents = list[Mapping[str, Any]]


def caller(request: HttpRequest) -> tuple[Principal, Documents, dict[str, str]]:
    """The principal of a request, its policies, and the condition keys of any request of it."""
    principal, own, session = _authenticate(request)
    keys = {
        "aws:securetransport": str(request.headers.get(TRANSPORT_HEADER) != "http").lower(),
        "aws:requestedregion": region_of(request),
        "aws:resourceaccount": ACCOUNT,
        "s3:resourceaccount": ACCOUNT,
        **session,
    }
    if principal.names:
        keys["aws:principalarn"] = principal.names[0]
        keys["aws:principalaccount"] = principal.account
    return principal, own, keys


def _authenticate(request: HttpRequest) -> tuple[Principal, Documents, dict[str, str]]:
    """The principal of a request, its policies, and the condition keys of its session."""
    if {"Signature", "X-Amz-Signature"} & set(request.args):
        raise NotImplementedError("iam: presigned URLs")
    header = request.headers.get("Authorization")
    if header is None:
        return ANONYMOUS, [], {}
    key_id = header.partition("Credential=")[2].split("/")[0]
    if key_id == ROOT_KEYS["aws_access_key_id"]:
        _check_signature(request, ROOT_KEYS["aws_secret_access_key"])
        arn = f"arn:aws:iam::{ACCOUNT}:root"
        return Principal("root", (arn,), ACCOUNT), [], {}
    for session in sts_backends[ACCOUNT]["aws"].assumed_roles:
        if session.access_key_id == key_id:
            return _of_session(request, session)
    user = iam_backends[ACCOUNT]["aws"].get_user_from_access_key_id(key_id)
    key = user and user.get_access_key_by_id(key_id)
    if not key or key.status != "Active":
        raise ServiceException(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
    _check_signature(request, key.secret_access_key)
    return Principal("user", (user.arn,), ACCOUNT), documents(user), {}


def _of_session(request: HttpRequest, session: Any) -> tuple[Principal, Documents, dict[str, str]]:
    if request.headers.get("X-Amz-Security-Token") != session.session_token:
        raise ServiceException("InvalidClientTokenId", "The security token is invalid.")
    _check_signature(request, session.secret_access_key)
    if session.expiration < utcnow():
        raise ServiceException(
            "ExpiredToken", "The security token included in the request is expired"
        )
    if session.policy:
        raise NotImplementedError("iam: session policies")
    role = find_role(session.role_arn)
    principal = Principal("role", (session.role_arn, session.arn), ACCOUNT)
    return principal, documents(role) if role else [], getattr(session, "condition_keys", {})


def documents(owner: Any) -> Documents:
    """The inline and managed policies of a user or role."""
    if getattr(owner, "permissions_boundary_arn", None):
        raise NotImplementedError("iam: permissions boundaries")
    managed = [
        version.document
        for policy in owner.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return [json.loads(text) for text in (*owner.policies.values(), *managed)]


def _check_signature(request: HttpRequest, secret: str) -> None:
    fields = dict(
        part.strip().split("=", 1)
        for part in request.headers["Authorization"].partition(" ")[2].split(",")
    )
    key_id, _, region, service, _ = fields["Credential"].split("/")
    query = request.query_string.decode()
    signed = AWSRequest(
        method=request.method,
        url=f"{request.host_url.rstrip('/')}{request.raw_path}" + (f"?{query}" if query else ""),
        headers={name: request.headers[name] for name in fields["SignedHeaders"].split(";")},
        data=request.environ[BODY],
    )
    signed.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials(key_id, secret), service, region
    )
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    if signer.signature(text, signed) != fields["Signature"]:
        raise ServiceException(
            "SignatureDoesNotMatch", "The signature does not match the one that was calculated."
        )


def region_of(request: HttpRequest) -> str:
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
    return scope[2] if len(scope) > 2 else "us-east-1"


def find_role(arn: str) -> Role | None:
    """A role by its ARN; None where there is none."""
    try:
        return iam_backends[ACCOUNT]["aws"].get_role_by_arn(arn)
    except NotFoundException:
        return None
