"""`/v1/sign-in`: prove an address by signing a message (EIP-4361), once; get a token, and a cookie."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from sessionpay.api.answers import EXAMPLE_TIME, AddressText, Time, like
from sessionpay.api.problems import Problem, described
from sessionpay.api.reading import bad_body, body_of, object_of
from sessionpay.api.viewing import Viewing, bearer, forget, keep
from sessionpay.core.ids import parse_address
from sessionpay.core.sign_in_message import LENGTH_MAX, SignInMessage
from sessionpay.services.sign_in import COOKIE, STATEMENT, SignIns

# A message and the longest signature in hexadecimal digits, and some quotes around them.
BODY_BYTES_MAX = 16_384
_NO_STORE = {"Cache-Control": "no-store"}
_OWNER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
_EXAMPLE = SignInMessage(
    scheme="https",
    domain="pay.example.org",
    address=parse_address(_OWNER),
    statement=STATEMENT,
    uri="https://pay.example.org/",
    chain_id=31_337,
    nonce="4f7ff2e8e8ffc1438e95df8be2b707c2b160f31b05150dcb",
    issued_at=EXAMPLE_TIME,
    expires_at=EXAMPLE_TIME + 300,
).text()


class OfferAnswer(BaseModel):
    """A message to be signed with `personal_sign`, as it is, until `expires_at`."""

    model_config = like({"message": _EXAMPLE, "expires_at": EXAMPLE_TIME + 300})
    message: str
    expires_at: Time


class SignedInAnswer(BaseModel):
    """Who is signed in. The token goes into `Authorization: Bearer`; browsers have it as a cookie, too."""

    model_config = like(
        {"address": _OWNER, "token": "sps_" + "0123456789" * 4 + "abc", "expires_at": EXAMPLE_TIME + 43_200}
    )
    address: AddressText
    token: Annotated[str, Field(pattern="^sps_[A-Za-z0-9_-]{43}$")]
    expires_at: Time


def _body(example: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "examples": {"one": {"value": example}}}},
    }


_ADDRESS_BODY = _body({"address": _OWNER}, {"address": {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}})
_PROOF_BODY = _body(
    {"message": _EXAMPLE, "signature": "0x" + "5c" * 64 + "1b"},
    {
        "message": {"type": "string", "maxLength": LENGTH_MAX},
        "signature": {"type": "string", "pattern": "^0x([0-9a-fA-F]{2})+$", "maxLength": 8_194},
    },
)
_BAD = {
    "s403": "The request is a page's of another site, or the message or its signature proves nothing here.",
    "s413": "The body is too long.",
    "s415": "The body is not application/json.",
    "s421": "The server was not told that it has this name.",
    "s422": "The body has another form.",
}


def router(viewing: Viewing) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["sign-in"])
    sign_ins = viewing.sign_ins

    @routes.post(
        "/v1/sign-in/messages",
        status_code=201,
        summary="A message to sign in with",
        operation_id="makeSignInMessage",
        responses=described(**_BAD),
        openapi_extra={"requestBody": _ADDRESS_BODY},
    )
    async def _offer(request: Request, response: Response) -> OfferAnswer:
        """Return an EIP-4361 message for an address, good for five minutes and one sign-in."""
        site = viewing.require_own(request)
        values = await _values(request, {"address"})
        response.headers.update(_NO_STORE)
        return OfferAnswer.model_validate(sign_ins.offer(parse_address(values["address"]), site=site))

    @routes.post(
        "/v1/sign-in",
        summary="Sign in",
        operation_id="signIn",
        responses=described(**_BAD, s503="Too many sign in just now, or the chain does not answer."),
        openapi_extra={"requestBody": _PROOF_BODY},
    )
    async def _sign_in(request: Request, response: Response) -> SignedInAnswer:
        """Take a message that this server made, with its signature, and return a token for its address."""
        site = viewing.require_own(request)
        values = await _values(request, {"message", "signature"})
        token, made = await run_in_threadpool(
            sign_ins.accept, values["message"], values["signature"], site=site
        )
        keep(response, token, seconds=made.lasts, site=site)
        response.headers.update(_NO_STORE)
        return SignedInAnswer(address=made.address, token=token, expires_at=made.expires_at)

    routes.include_router(_ending(viewing, sign_ins))
    return routes


def _ending(viewing: Viewing, sign_ins: SignIns) -> APIRouter:
    routes = APIRouter()

    @routes.delete(
        "/v1/sign-in",
        status_code=204,
        summary="Sign out",
        operation_id="signOut",
        response_class=Response,
        responses=described(s403=_BAD["s403"], s421=_BAD["s421"]),
        openapi_extra={"security": [{}, {"owner": []}]},
    )
    def _sign_out(request: Request) -> Response:
        """Forget the token that the request bears. Again is no error."""
        site = viewing.require_own(request)
        for token in (bearer(request), request.cookies.get(COOKIE)):
            if token:
                sign_ins.end(token)
        response = Response(status_code=204, headers=_NO_STORE)
        forget(response, site=site)
        return response

    return routes


async def _values(request: Request, names: set[str]) -> dict[str, str]:
    """Return the texts in a body. Raises `Problem` 413, 415 and 422."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # A page of somebody else can have a browser send a form here, and JSON only if it is allowed to.
        raise Problem(415, "NotJson", "send the body as application/json")
    values = object_of(await body_of(request, most=BODY_BYTES_MAX), required=names, optional=set())
    for name, value in values.items():
        if not isinstance(value, str):
            raise bad_body(f"{name} is not a text")
    return values
