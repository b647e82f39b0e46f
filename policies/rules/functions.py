"""Lambda functions: inside the network, supported, limited, and with nothing secret in their settings."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.containers import SECRET
from policies.rules.judging import Book, phi
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
FUNCTION = "aws:lambda/function:Function"
# In support in November 2026 and for a year more (AWS Lambda runtimes page).
RUNTIMES = {"python3.12", "python3.13", "python3.14", "nodejs22.x", "nodejs24.x", "java21", "java25", "provided.al2023"}


@BOOK.rule(
    "function-in-network", "Functions that handle PHI run inside the VPC", FUNCTION, scope="stack", when=phi,
    remedy="Set vpc_config with private subnets and a security group.",
)  # fmt: skip
def _network(function: View) -> Iterator[str]:
    if not function.given("vpcConfig.subnetIds"):
        yield "runs outside the VPC, with the internet before it"


@BOOK.rule(
    "function-settings-encrypted", "Functions' settings are encrypted by a key of ours", FUNCTION, scope="stack",
    when=lambda function: function.at("environment.variables").raw is not None,
    remedy="Set kms_key_arn.",
)  # fmt: skip
def _settings(function: View) -> Iterator[str]:
    if not function.given("kmsKeyArn"):
        yield "whoever may list functions reads its settings"


@BOOK.rule(
    "function-without-plain-secrets", "Functions' settings hold no secrets", FUNCTION,
    remedy="Put the secret into Secrets Manager and its ARN into the settings.",
)  # fmt: skip
def _secrets(function: View) -> Iterator[str]:
    variables = function.at("environment.variables")
    if variables.unknown:
        variables.value  # noqa: B018 - raises
    for name in variables.raw or {}:
        if SECRET.search(str(name)):
            yield f"is given {name} in the open"


@BOOK.rule(
    "function-runtime-supported", "Functions run on a runtime that gets security fixes", FUNCTION,
    when=lambda function: function["packageType"] in {None, "Zip"},
    remedy=f"Set runtime to one of {', '.join(sorted(RUNTIMES))}.",
)  # fmt: skip
def _runtime(function: View) -> Iterator[str]:
    if function["runtime"] not in RUNTIMES:
        yield f"runs on {function['runtime']}"


@BOOK.rule(
    "function-dead-letters", "What a function cannot handle is kept", FUNCTION, scope="stack",
    remedy="Set dead_letter_config, or a destination for failures.",
)  # fmt: skip
def _dead_letters(function: View) -> Iterator[str]:
    configs = function.about("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    elsewhere = any(config.at("destinationConfig.onFailure").raw is not None for config in configs)
    if not function.given("deadLetterConfig.targetArn") and not elsewhere:
        yield "what it cannot handle is lost after two tries"


@BOOK.rule(
    "function-limited", "One function cannot use up what all share", FUNCTION,
    remedy="Set reserved_concurrent_executions.",
)  # fmt: skip
def _limited(function: View) -> Iterator[str]:
    if function.number("reservedConcurrentExecutions", -1) < 1:
        yield "may take all of the account's concurrency"


@BOOK.rule(
    "function-logs-kept", "A function's log group is one of ours, encrypted and with an end", FUNCTION, scope="stack",
    remedy="Declare the log group and name it in logging_config.",
)  # fmt: skip
def _logs(function: View) -> Iterator[str]:
    groups = function.named("loggingConfig.logGroup", "aws:cloudwatch/logGroup:LogGroup")
    if groups:
        return
    wanted = {str(function["loggingConfig.logGroup"]), f"/aws/lambda/{function['name']}"}
    if not any(g["name"] in wanted for g in function.beside("aws:cloudwatch/logGroup:LogGroup")):
        yield "AWS makes its log group, which is not encrypted by a key of ours and never ends"


@BOOK.rule(
    "function-without-address", "Functions have no address of their own", "aws:lambda/functionUrl:FunctionUrl",
    remedy="Go through the API Gateway, or set authorization_type AWS_IAM.",
)  # fmt: skip
def _address(url: View) -> Iterator[str]:
    if url["authorizationType"] != "AWS_IAM":
        yield "anybody on the internet can call it"


@BOOK.rule(
    "function-called-from-here", "Other services call a function on this account's behalf alone",
    "aws:lambda/permission:Permission",
    remedy="Set source_arn or source_account.",
)  # fmt: skip
def _called(permission: View) -> Iterator[str]:
    if permission.at("sourceArn").raw is None and permission.at("sourceAccount").raw is None:
        yield f"{permission['principal']} may call it on anybody's behalf"
