"""The language of IAM policies: what documents say about one request.

Pure: no AWS, no moto. Written after the IAM User Guide, "Policy evaluation logic" and "IAM JSON
policy elements". What it does not know, it does not guess: a condition operator, condition key or
kind of principal that is not below raises NotImplementedError, once its statement is about the
request at hand. Not looked at: permissions boundaries, session policies, service control policies.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Mapping

import attrs

#: Condition keys that a request may carry, in lower case. One that it does not carry is absent, as
#: on AWS; one that is not here is unknown.
KNOWN_KEYS = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "cloudwatch:namespace",
    "credentials-iot:awscertificateid",
    "credentials-iot:thingname",
    "credentials-iot:thingtypename",
    "iam:passedtoservice",
    "iot:certificate.subject.commonname",
    "iot:clientid",
    "iot:connection.thing.isattached",
    "iot:connection.thing.thingname",
    "iot:connection.thing.thingtypename",
    "kms:grantisforawsresource",
    "kms:viaservice",
    "s3:prefix",
    "s3:resourceaccount",
    "s3:x-amz-acl",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
}


@attrs.frozen
class Principal:
    """Who asks.

    Attributes:
        kind: `anonymous`, `root`, `user`, `role` or `service`.
        names: the ARNs by which policies name it, or a service's host name.
        account: the account that it belongs to; empty for services and the anonymous.
    """

    kind: str
    names: tuple[str, ...] = ()
    account: str = ""


ANONYMOUS = Principal("anonymous")


@attrs.frozen
class Request:
    """One action on one resource.

    Attributes:
        action: such as `s3:PutObject`.
        resource: its ARN, or `*` where the service has none.
        principal: who asks.
        context: condition keys in lower case, and their values.
    """

    action: str
    resource: str
    principal: Principal = ANONYMOUS
    context: Mapping[str, str] = attrs.field(factory=dict)


def is_allowed(
    request: Request,
    identity: Iterable[Mapping[str, Any]] = (),
    resource: Mapping[str, Any] | None = None,
    *,
    resource_must_allow: bool = False,
) -> bool:
    """Whether documents allow a request of their own account.

    Args:
        request: what is asked.
        identity: the documents of the principal.
        resource: the document of the resource.
        resource_must_allow: the principal's own documents are not enough: a role's trust policy
            must name who may assume it.

    Example:
        >>> put = Request("s3:PutObject", "arn:aws:s3:::crops/faces/hall-1/a.jpg")
        >>> own = {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::crops/faces/*"}
        >>> is_allowed(put, [{"Statement": own}])
        True
        >>> is_allowed(put, [{"Statement": [own, {**own, "Effect": "Deny"}]}])
        False
    """
    own = {effect for document in identity for effect in _effects(document, request)}
    if request.principal.kind == "root":
        own.add("Allow")
    theirs: set[str] = set()
    for statement in _statements(resource or {}):
        how = _names_principal(statement, request.principal)
        if how and _applies(statement, request):
            # Naming a whole account hands the decision to that account's own policies.
            direct = how == "directly" or statement["Effect"] == "Deny"
            theirs.add(statement["Effect"] if direct else "Delegate")
    if "Deny" in own | theirs:
        return False
    if resource_must_allow:
        return "Allow" in theirs or ("Delegate" in theirs and "Allow" in own)
    return "Allow" in own | theirs


def _effects(document: Mapping[str, Any], request: Request) -> set[str]:
    return {each["Effect"] for each in _statements(document) if _applies(each, request)}


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _listed(document.get("Statement", []))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        _covers(statement, "Action", request.action.lower(), str.lower, {})
        # A role's trust policy has no Resource, and so covers all: the role itself.
        and _covers(statement, "Resource", request.resource, str, request.context)
        and _conditions_hold(statement.get("Condition", {}), request.context)
    )


def _covers(
    statement: Mapping[str, Any],
    element: str,
    value: str,
    normal: Callable[[str], str],
    context: Mapping[str, str],
) -> bool:
    patterns = _listed(statement.get(element, statement.get(f"Not{element}", [])))
    found = any(_matches(normal(pattern), value, context) for pattern in patterns)
    return found if element in statement else not found


def _matches(
    pattern: str, value: str, context: Mapping[str, str], *, wildcards: bool = True
) -> bool:
    """Whether a pattern with `*`, `?` and variables such as `${aws:PrincipalArn}` fits a value.

    A variable that the request does not carry fits nothing; wildcards in its value are plain text.
    """
    regex = ""
    for part in re.split(r"(\$\{[^}]*\})", pattern):
        if not part.startswith("${"):
            regex += "".join(
                _wildcard(letter) if wildcards else re.escape(letter) for letter in part
            )
        elif part in ("${*}", "${?}", "${$}"):
            regex += re.escape(part[2])
        else:
            found = _value(part[2:-1], context)
            if found is None:
                return False
            regex += re.escape(found)
    return re.fullmatch(regex, value, re.DOTALL) is not None


def _wildcard(letter: str) -> str:
    return {"*": ".*", "?": "."}.get(letter, re.escape(letter))


def _value(key: str, context: Mapping[str, str]) -> str | None:
    key = key.strip().lower()
    if key not in KNOWN_KEYS:
        raise NotImplementedError(f"policies: the condition key {key}")
    return context.get(key)


def _names_principal(statement: Mapping[str, Any], principal: Principal) -> str:
    """`directly`, `account` or nothing."""
    named = statement.get("Principal")
    if named == "*":
        return "directly"
    if not isinstance(named, dict):
        raise NotImplementedError(f"policies: the principal {named} of a statement")
    for kind, names in named.items():
        if kind == "Service":
            if principal.kind == "service" and set(_listed(names)) & set(principal.names):
                return "directly"
        elif kind == "AWS":
            for name in _listed(names):
                if name == "*" or (principal.kind != "service" and name in principal.names):
                    return "directly"
                if principal.account and re.fullmatch(
                    rf"(arn:aws:iam::)?{principal.account}(:root)?", name
                ):
                    return "account"
        else:
            raise NotImplementedError(f"policies: a principal of kind {kind}")
    return ""


def _conditions_hold(
    conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]
) -> bool:
    return all(
        _condition_holds(operator, key, [str(value) for value in _listed(values)], context)
        for operator, pairs in conditions.items()
        for key, values in pairs.items()
    )


def _condition_holds(
    operator: str, key: str, wanted: list[str], context: Mapping[str, str]
) -> bool:
    actual = _value(key, context)
    if operator == "Null":
        return [str(actual is None).lower()] == [value.lower() for value in wanted]
    if operator.endswith("IfExists"):
        if actual is None:
            return True
        operator = operator[: -len("IfExists")]
    negated = "Not" in operator
    compare = _COMPARISONS.get(operator.replace("Not", ""))
    if compare is None:
        raise NotImplementedError(f"policies: the condition operator {operator}")
    if actual is None:
        return negated
    return negated ^ any(compare(value, actual, context) for value in wanted)


def _arn_like(pattern: str, arn: str, context: Mapping[str, str]) -> bool:
    """Each of an ARN's six parts by itself: no wildcard reaches over a colon before the last."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    if "${" in pattern:  # a variable's name holds colons
        return _matches(pattern, arn, context)
    return len(patterns) == len(parts) and all(
        _matches(each, part, context) for each, part in zip(patterns, parts)
    )


_COMPARISONS: dict[str, Callable[[str, str, Mapping[str, str]], bool]] = {
    "StringEquals": lambda want, actual, context: _matches(want, actual, context, wildcards=False),
    "StringEqualsIgnoreCase": lambda want, actual, context: want.lower() == actual.lower(),
    "StringLike": _matches,
    "Bool": lambda want, actual, context: want.lower() == actual.lower(),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
