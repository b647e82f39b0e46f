"""What the directory is told by its environment."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from services.contracts.break_glass import GlassKey
from services.directory.domain.break_glass import GlassRules
from services.directory.domain.proxies import ProxyAges
from services.directory.usecases import Rules
from services.kernel.errors import Invalid
from services.kernel.runtime import ServiceSettings


class Settings(ServiceSettings):
    """The directory's own settings beside every service's."""

    user_pool_id: str = Field(description="Cognito user pool whose accounts get role assignments")
    adolescence_age: int = Field(
        default=12, ge=0, le=21, description="age from which parents' proxies leave out what is confidential"
    )
    proxy_ends_age: int = Field(default=18, ge=16, le=21, description="age at which parents' proxies end")
    break_glass_signing_key: SecretStr = Field(description="private key of emergency accesses: PEM, or a file with it")
    break_glass_key_id: str = Field(description="name of that key in the published set (kid)")
    break_glass_keys: str = Field(
        description="public keys of emergency accesses: a JSON Web Key Set, or the path of a file with it"
    )
    break_glass_minutes: int = Field(default=60, ge=5, le=480, description="how long an emergency access lasts")
    break_glass_sign_in_minutes: int = Field(
        default=5, ge=1, le=60, description="how old a sign-in may be that opens one"
    )

    def rules(self) -> Rules:
        """Return what the operator decided."""
        glass = GlassRules(
            timedelta(minutes=self.break_glass_minutes), timedelta(minutes=self.break_glass_sign_in_minutes)
        )
        return Rules(ProxyAges(self.adolescence_age, self.proxy_ends_age), glass)

    def signer(self) -> GlassKey:
        """Return the private key; raise Invalid when its file cannot be read."""
        text = self.break_glass_signing_key.get_secret_value()
        try:
            pem = text if text.lstrip().startswith("-----BEGIN") else Path(text).read_text("utf-8")
        except OSError as fault:
            raise Invalid(f"CARESLOT_BREAK_GLASS_SIGNING_KEY names a file that cannot be read: {fault}") from None
        return GlassKey(self.break_glass_key_id, pem)
