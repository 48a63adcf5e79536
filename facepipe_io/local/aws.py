"""What AWS says to somebody at a desk, who is logged in as a person."""

from __future__ import annotations

from typing import Mapping

from facepipe_io.edge import aws
from facepipe_io.text import one_line


def aws_reason(error: BaseException, hints: Mapping[str, str], otherwise: str) -> str:
    """What an error of boto3's says, and what to do about it.

    Args:
        error: the error.
        hints: what to do by AWS's word for it.
        otherwise: what to do if AWS has another word.
    """
    from boto3.exceptions import Boto3Error
    from botocore import exceptions

    cause = (error.__context__ or error) if isinstance(error, Boto3Error) else error
    word = aws.code(cause)
    hint = hints.get(word, otherwise)
    no_keys = (exceptions.NoCredentialsError, exceptions.CredentialRetrievalError)
    if isinstance(cause, no_keys) or word in aws.STALE:
        hint = "log in to AWS first, with `aws configure` or AWS_PROFILE"
    return f"{one_line(error)}; {hint}"
