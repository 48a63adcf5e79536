"""IoT. What moto lacks, and this fills in:

- certificates from CSRs: moto signs a key of its own, which no camera has. Here the emulator's
  authority signs the CSR's key, and refuses a CSR that is none;
- endpoints: made up. Here those for credentials and data are the emulator's TLS port (`devices`);
- tags: unknown, and the Terraform provider reads them at every step.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlparse

from cryptography import x509
from moto.core.responses import ActionResult, EmptyResult
from moto.iot.exceptions import InvalidRequestException
from moto.iot.models import FakeEndpoint, IoTBackend
from moto.iot.responses import IoTResponse

from tests.emulator.settings import Settings

# What can be given tags as it is made: the operation, and where its answer has the ARN.
_TAGGED = {
    "create_policy": "policyArn",
    "create_role_alias": "roleAliasArn",
    "create_thing_group": "thingGroupArn",
    "create_thing_type": "thingTypeArn",
}


def install(settings: Settings) -> None:
    """Fill the gaps."""
    _sign_certificates(settings)
    _name_endpoints(settings)
    _keep_tags()


def _sign_certificates(settings: Settings) -> None:
    def create_certificate_from_csr(self: Any, csr: str, set_as_active: bool) -> Any:
        try:
            asked = x509.load_pem_x509_csr(csr.encode())
        except ValueError:
            raise InvalidRequestException("The certificate signing request is not valid") from None
        if not asked.is_signature_valid:
            raise InvalidRequestException("The certificate signing request is not signed")
        pem = settings.authority.issue(asked.subject, asked.public_key())
        return self.register_certificate(pem, None, set_as_active, "INACTIVE")

    def generate_certificate_pem(self: Any, domain_name: str, subject: Any, key: Any) -> str:
        return settings.authority.issue(subject, key.public_key())

    IoTBackend.create_certificate_from_csr = create_certificate_from_csr
    IoTBackend._generate_certificate_pem = generate_certificate_pem


def _name_endpoints(settings: Settings) -> None:
    init = FakeEndpoint.__init__

    def set_up(self: Any, endpoint_type: str, region_name: str) -> None:
        init(self, endpoint_type, region_name)
        if endpoint_type in ("iot:CredentialProvider", "iot:Data-ATS"):
            self.endpoint = settings.device_address

    FakeEndpoint.__init__ = set_up


def _keep_tags() -> None:
    def tags_of(response: IoTResponse) -> dict[str, str]:
        query = parse_qs(urlparse(response.uri).query)
        arn = response._get_param("resourceArn") or query["resourceArn"][0]
        return _all_tags(response).setdefault(arn, {})

    def list_tags_for_resource(self: IoTResponse) -> ActionResult:
        tags = sorted(tags_of(self).items())
        return ActionResult({"tags": [{"Key": key, "Value": value} for key, value in tags]})

    def tag_resource(self: IoTResponse) -> ActionResult:
        tags_of(self).update(_as_dict(self._get_param("tags")))
        return EmptyResult()

    def untag_resource(self: IoTResponse) -> ActionResult:
        for key in self._get_param("tagKeys"):
            tags_of(self).pop(key, None)
        return EmptyResult()

    IoTResponse.list_tags_for_resource = list_tags_for_resource
    IoTResponse.tag_resource = tag_resource
    IoTResponse.untag_resource = untag_resource
    for operation, arn_name in _TAGGED.items():
        setattr(IoTResponse, operation, _with_tags(getattr(IoTResponse, operation), arn_name))
    IoTResponse.create_topic_rule = _with_rule_tags(IoTResponse.create_topic_rule)


def _with_tags(create: Any, arn_name: str) -> Any:
    def create_with_tags(self: IoTResponse) -> Any:
        answer = create(self)
        made = answer.result if isinstance(answer, ActionResult) else json.loads(answer)
        _all_tags(self)[made[arn_name]] = _as_dict(self._get_param("tags"))
        return answer

    return create_with_tags


def _with_rule_tags(create: Any) -> Any:
    def create_with_tags(self: IoTResponse) -> Any:
        answer = create(self)
        header = parse_qs(self.headers.get("x-amz-tagging", ""), keep_blank_values=True)
        rule = self.iot_backend.rules[self._get_param("ruleName")]
        _all_tags(self)[rule.arn] = {key: values[0] for key, values in header.items()}
        return answer

    return create_with_tags


def _all_tags(response: IoTResponse) -> dict[str, dict[str, str]]:
    """By ARN; kept with moto's own data, so that a reset clears it."""
    return response.iot_backend.__dict__.setdefault("emulator_tags", {})


def _as_dict(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags or []}
