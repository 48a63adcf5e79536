from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulator.policies import ANONYMOUS, Principal, Request, is_allowed

ROLE = Principal(
    "role",
    ("arn:aws:iam::123456789012:role/camera", "arn:aws:sts::123456789012:assumed-role/camera/1"),
    "123456789012",
)
S3 = Principal("service", ("s3.amazonaws.com",))
PUT = Request("s3:PutObject", "arn:aws:s3:::crops/faces/hall-1/a.jpg", ROLE)
ALLOW = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::crops/faces/*"}


def says(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def holds(condition, **context):
    keys = {key.replace("__", ":").replace("_", "-"): value for key, value in context.items()}
    asked = Request(PUT.action, PUT.resource, ROLE, keys)
    return is_allowed(asked, [says({**ALLOW, "Condition": condition})])


def test_nothing_is_allowed_unless_it_is_said():
    assert not is_allowed(PUT)
    assert not is_allowed(PUT, [says()], says())


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"Action": ["s3:GetObject", "S3:put*"]}, True),
        ({"Action": "s3:GetObject"}, False),
        ({"Action": "s3:PutObjec"}, False),
        ({"Action": "s3:PutObjec?"}, True),
        ({"Resource": ["arn:aws:s3:::other/*", "*"]}, True),
        ({"Resource": "arn:aws:s3:::crops/FACES/*"}, False),
        ({"Resource": "arn:aws:s3:::crops"}, False),
        ({"Resource": "arn:aws:s3:::crops/face./*"}, False),
    ],
)
def test_actions_ignore_case_and_resources_do_not(change, allowed):
    assert is_allowed(PUT, [says({**ALLOW, **change})]) is allowed


def test_not_action_and_not_resource():
    base = {"Effect": "Allow", "Resource": "*"}
    assert is_allowed(PUT, [says({**base, "NotAction": "s3:GetObject"})])
    assert not is_allowed(PUT, [says({**base, "NotAction": "s3:Put*"})])
    base = {"Effect": "Allow", "Action": "*"}
    assert is_allowed(PUT, [says({**base, "NotResource": "arn:aws:s3:::other/*"})])
    assert not is_allowed(PUT, [says({**base, "NotResource": "arn:aws:s3:::crops/*"})])


STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.sampled_from(["s3:*", "s3:PutObject", "s3:GetObject", "*"]),
        "Resource": st.sampled_from(["*", "arn:aws:s3:::crops/*", "arn:aws:s3:::other/*"]),
    }
)


@given(st.lists(STATEMENTS), st.randoms(use_true_random=False))
def test_the_order_of_statements_and_of_documents_means_nothing(statements, random):
    shuffled = random.sample(statements, len(statements))
    together = is_allowed(PUT, [says(*statements)])
    assert is_allowed(PUT, [says(*shuffled)]) is together
    assert is_allowed(PUT, [says(each) for each in shuffled]) is together


@given(st.lists(STATEMENTS))
def test_a_denial_beats_everything_and_an_allowance_takes_nothing_away(statements):
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    everyone = {**deny, "Principal": "*"}
    assert not is_allowed(PUT, [says(*statements, deny)])
    assert not is_allowed(PUT, [says(*statements)], says(everyone))
    if is_allowed(PUT, [says(*statements)]):
        assert is_allowed(PUT, [says(*statements, ALLOW)])


@given(st.text("ab*?[].", max_size=6), st.text("ab*?[].", max_size=6))
def test_wildcards_are_those_of_file_names_without_brackets(pattern, name):
    reference = fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
    asked = Request("s3:PutObject", name, ROLE)
    assert is_allowed(asked, [says({**ALLOW, "Resource": pattern})]) is reference


class TestVariables:
    RESOURCE = "arn:aws:s3:::crops/faces/${credentials-iot:ThingName}/*"

    @pytest.mark.parametrize(
        ("thing", "allowed"),
        [("hall-1", True), ("hall-2", False), ("*", False), ("hall-?", False), (None, False)],
    )
    def test_only_a_camera_of_that_very_name(self, thing, allowed):
        context = {"credentials-iot:thingname": thing} if thing else {}
        asked = Request(PUT.action, PUT.resource, ROLE, context)
        assert is_allowed(asked, [says({**ALLOW, "Resource": self.RESOURCE})]) is allowed

    def test_literal_stars(self):
        asked = Request("s3:PutObject", "a*b", ROLE)
        assert is_allowed(asked, [says({**ALLOW, "Resource": "a${*}b"})])
        asked = Request("s3:PutObject", "acb", ROLE)
        assert not is_allowed(asked, [says({**ALLOW, "Resource": "a${*}b"})])


@pytest.mark.parametrize(
    ("operator", "wanted", "actual", "met"),
    [
        ("StringEquals", "faces/", "faces/", True),
        ("StringEquals", "faces/*", "faces/a", False),
        ("StringEquals", ["x", "faces/"], "faces/", True),
        ("StringEquals", "faces/", None, False),
        ("StringNotEquals", "faces/", "other", True),
        ("StringNotEquals", ["x", "faces/"], "faces/", False),
        ("StringNotEquals", "faces/", None, True),
        ("StringEqualsIfExists", "faces/", None, True),
        ("StringEqualsIfExists", "faces/", "other", False),
        ("StringEqualsIgnoreCase", "FACES/", "faces/", True),
        ("StringLike", ["faces/*"], "faces/hall-1/", True),
        ("StringLike", ["faces/*"], "face", False),
        ("StringNotLike", ["faces/*"], "face", True),
        ("Null", "true", None, True),
        ("Null", "true", "faces/", False),
        ("Null", "false", "faces/", True),
    ],
)
def test_conditions(operator, wanted, actual, met):
    context = {} if actual is None else {"s3__prefix": actual}
    assert holds({operator: {"s3:prefix": wanted}}, **context) is met


def test_conditions_on_truth_and_on_arns():
    secure = {"Bool": {"aws:SecureTransport": "false"}}
    assert holds(secure, aws__securetransport="false")
    assert not holds(secure, aws__securetransport="true")
    assert not holds(secure)
    source = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:cro*"}}
    assert holds(source, aws__sourcearn="arn:aws:s3:::crops")
    assert not holds(source, aws__sourcearn="arn:aws:sns:::crops")
    # A wildcard stays within its part of the ARN.
    assert not holds(
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:crops"}}, aws__sourcearn="arn:aws:s3:::crops"
    )


def test_all_conditions_must_hold():
    both = {"StringEquals": {"s3:prefix": "a", "s3:x-amz-acl": "b"}}
    asked = {"s3:prefix": "a", "s3:x-amz-acl": "b"}
    statement = says({**ALLOW, "Condition": both})
    assert is_allowed(Request(PUT.action, PUT.resource, ROLE, asked), [statement])
    del asked["s3:prefix"]
    assert not is_allowed(Request(PUT.action, PUT.resource, ROLE, asked), [statement])


@pytest.mark.parametrize(
    "condition",
    [
        {"DateLessThan": {"aws:CurrentTime": "x"}},
        {"StringEquals": {"aws:Unheard": "x"}},
        {"NumericLessThan": {"s3:prefix": "1"}},
        {"ForAllValues:StringLike": {"s3:prefix": "1"}},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_what_is_not_known_is_not_guessed(condition, effect):
    statement = {**ALLOW, "Effect": effect, "Condition": condition}
    with pytest.raises(NotImplementedError, match="policies: the condition"):
        is_allowed(PUT, [says(statement)])
    # A statement about something else is not looked at.
    assert is_allowed(PUT, [says(ALLOW, {**statement, "Action": "sqs:SendMessage"})])


class TestResourcePolicies:
    @pytest.mark.parametrize(
        ("principal", "role", "service", "anonymous"),
        [
            ("*", True, True, True),
            ({"AWS": "*"}, True, True, True),
            ({"AWS": "arn:aws:iam::123456789012:role/camera"}, True, False, False),
            ({"AWS": ["arn:aws:sts::123456789012:assumed-role/camera/1"]}, True, False, False),
            ({"AWS": "arn:aws:iam::123456789012:role/cam*"}, False, False, False),
            ({"AWS": "arn:aws:iam::123456789012:root"}, False, False, False),
            ({"AWS": "arn:aws:iam::999999999999:root"}, False, False, False),
            ({"Service": "s3.amazonaws.com"}, False, True, False),
            ({"Service": ["sns.amazonaws.com"]}, False, False, False),
        ],
    )
    def test_who_is_meant(self, principal, role, service, anonymous):
        policy = says({**ALLOW, "Principal": principal})
        found = [
            is_allowed(Request(PUT.action, PUT.resource, who), resource=policy)
            for who in (ROLE, S3, ANONYMOUS)
        ]
        assert found == [role, service, anonymous]

    @pytest.mark.parametrize("account", ["123456789012", "arn:aws:iam::123456789012:root"])
    def test_an_account_that_is_named_decides_for_itself(self, account):
        policy = says({**ALLOW, "Principal": {"AWS": account}})
        trusted = {"resource": policy, "resource_must_allow": True}
        assert not is_allowed(PUT, **trusted)
        assert is_allowed(PUT, [says(ALLOW)], **trusted)
        deny = says({**ALLOW, "Effect": "Deny", "Principal": {"AWS": account}})
        assert not is_allowed(PUT, [says(ALLOW)], deny)

    def test_trust_needs_the_role_itself_to_allow(self):
        service_only = says({**ALLOW, "Principal": {"Service": "lambda.amazonaws.com"}})
        assert not is_allowed(PUT, [says(ALLOW)], service_only, resource_must_allow=True)

    @pytest.mark.parametrize("principal", [{"Federated": "x"}, {"CanonicalUser": "x"}, None])
    def test_other_kinds_are_not_guessed(self, principal):
        with pytest.raises(NotImplementedError, match="policies: "):
            is_allowed(PUT, resource=says({**ALLOW, "Principal": principal}))

    def test_root_needs_no_policy_but_can_be_denied(self):
        root = Principal("root", ("arn:aws:iam::123456789012:root",), "123456789012")
        asked = Request(PUT.action, PUT.resource, root)
        assert is_allowed(asked)
        assert not is_allowed(asked, resource=says({**ALLOW, "Effect": "Deny", "Principal": "*"}))
