"""The words that end all messages when a patient replies with them."""

import re
import unicodedata

# 47 CFR 64.1200(a)(10) also lists CANCEL. Here it is a verb of booking: a patient who answers a reminder with it wants
# another appointment, not silence, so it goes to a person. No template invites it. For counsel to confirm.
OPT_OUT_WORDS = frozenset({"STOP", "QUIT", "END", "REVOKE", "OPT OUT", "UNSUBSCRIBE"})
_SEPARATORS = re.compile(r"[\W_]+")


def is_opt_out(text: str) -> bool:
    """Tell whether a reply consists of an opt-out word, however it is cased, spaced and punctuated.

    Anything longer ("please do not stop") is for a person to read, not for a rule to guess.
    """
    words = _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text)).strip().upper()
    return words in OPT_OUT_WORDS or words == "OPTOUT"
