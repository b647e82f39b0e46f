"""Whatever is done to one entry of a chain is found, and said where and what."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.anchors import AnchoredHead, next_anchor, read_anchor
from services.audit.domain.canonical import canonical
from services.audit.domain.chain import (
    ChainKey,
    Head,
    day_of,
    empty,
    extend,
    genesis,
    is_break_glass,
    link_hash,
    read_record,
)
from services.audit.domain.diagnosis import diagnose
from services.audit.domain.findings import ChainWalk, Finding, Kind, StoredLink
from tests.services.audit.chains import (
    DAY,
    KEY,
    NOON,
    TAMPERINGS,
    Tampered,
    Tampering,
    anchored_at,
    append_with_head,
    arrival,
    chain,
    entry,
    head_of,
    move,
    rewritten,
    swap_numbers,
    swap_records,
    truncate,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcXYZ_-0", max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcXYZ", max_size=4), values, max_size=5))
def test_canonical_text_is_one_whatever_the_order_and_reads_back(value: dict[str, Any]) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(dict(reversed(value.items()))) == text
    assert canonical(json.loads(text)) == text


def test_canonical_text_is_that_of_rfc_8785() -> None:
    value = {"b": '\u20ac$\x0f\nA\'B"\\"/', "a": [True, None, -3], "B": ""}
    assert canonical(value) == '{"B":"","a":[true,null,-3],"b":"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/"}'


@pytest.mark.parametrize("value", [{"a": 1.5}, {"a": 2**53}, {"a": "\ud800"}, {"\u00e9": 1}, {"a": [b"x"]}])
def test_what_has_no_canonical_text_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_a_chain_links_records_in_order_and_starts_from_its_own_name() -> None:
    first, second = extend(empty(KEY), [arrival(entry(1)), arrival(entry(2))], NOON)
    assert (first.seq, second.seq) == (1, 2)
    assert first.previous == genesis(KEY)
    assert second.previous == first.hash == link_hash(first.previous, first.record)
    assert read_record(second.record) == (second.entry, NOON)
    others = {genesis(ChainKey("directory", DAY)), genesis(ChainKey("booking", date(2027, 1, 5)))}
    assert genesis(KEY) not in others and len(others) == 2


def test_a_day_is_the_utc_day_of_arrival() -> None:
    assert day_of(datetime.fromisoformat("2027-01-04T20:00:00-08:00")) == date(2027, 1, 5)


def test_break_glass_is_told_by_action_or_reason() -> None:
    assert is_break_glass(entry(action="break-glass"))
    assert is_break_glass(entry(reason="break-glass: unconscious in the emergency department"))
    assert not is_break_glass(entry(reason="policy"))


def walk(links: list[StoredLink], head: Head, anchored: list[AnchoredHead] | None = None) -> bool:
    walked = ChainWalk(KEY, head, anchored or [])
    for link in links:
        walked.take(link)
    return walked.sound()


def check(tampered: Tampered, anchored: list[AnchoredHead] | None = None) -> list[Finding]:
    """Return what is found, holding the quick walk to the same verdict."""
    findings = diagnose(KEY, tampered.links, tampered.head, anchored or [])
    assert walk(list(tampered.links), tampered.head, anchored) == (not findings)
    return findings


@given(st.integers(0, 12), st.data())
def test_an_untouched_chain_is_sound(length: int, data: st.DataObject) -> None:
    links = chain(length)
    seqs = data.draw(st.lists(st.integers(1, length), max_size=3)) if length else []
    anchored = [anchored_at(links, seq) for seq in seqs]
    assert walk(links, head_of(links), anchored)
    assert diagnose(KEY, links, head_of(links), anchored) == []


@given(st.sampled_from(TAMPERINGS), st.integers(2, 12), st.data())
def test_any_single_tampering_is_found_and_located(how: Tampering, length: int, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, length - 1), "i")
    j = data.draw(st.integers(0, length - 1).filter(lambda n: n != i), "j")
    links = chain(length)
    seqs = data.draw(st.lists(st.integers(1, length), max_size=2), "anchored")
    tampered = how(links, i, j)
    findings = check(tampered, [anchored_at(links, seq) for seq in seqs])
    assert tampered.found_by(findings), [str(finding) for finding in findings]


@given(st.integers(2, 12), st.data())
def test_a_chain_made_anew_contradicts_its_anchors(length: int, data: st.DataObject) -> None:
    links = chain(length)
    first = data.draw(st.integers(0, length - 1), "first")
    seqs = sorted(data.draw(st.sets(st.integers(1, length), max_size=4), "anchored") | {length})
    made = rewritten(links, first)
    [finding] = check(
        Tampered(made, head_of(made), frozenset(), frozenset()), [anchored_at(links, seq) for seq in seqs]
    )
    good = max((seq for seq in seqs if seq <= first), default=0)
    assert (finding.kind, finding.seq) == (Kind.REWRITTEN, good + 1)


@given(st.integers(2, 12), st.data())
def test_a_tail_cut_off_with_its_head_contradicts_the_anchor(length: int, data: st.DataObject) -> None:
    links = chain(length)
    kept = data.draw(st.integers(0, length - 1))
    cut = Tampered(links[:kept], head_of(links[:kept]), frozenset({Kind.TRUNCATED}), frozenset({kept + 1}))
    assert cut.found_by(check(cut, [anchored_at(links, length)]))


def test_a_closed_day_takes_nothing_more() -> None:
    links = chain(4)
    forged = append_with_head(links, 0, 0)
    known = [StoredLink(x.seq, x.entry_id, x.previous, x.hash, x.record) for x in forged.links]
    open_day = diagnose(KEY, known, forged.head, [anchored_at(links, 4)])
    closed = diagnose(KEY, known, forged.head, [anchored_at(links, 4, final=True)])
    assert open_day == []
    assert [(f.kind, f.seq) for f in closed] == [(Kind.APPENDED, 5)]
    assert not walk(known, forged.head, [anchored_at(links, 4, final=True)])


def test_a_chain_that_is_gone_is_missing() -> None:
    [finding] = diagnose(KEY, [], None, [anchored_at(chain(3), 3)])
    assert (finding.kind, finding.service, finding.day) == (Kind.MISSING, "booking", DAY)
    assert "3 entries" in finding.detail


def test_a_head_that_is_gone_or_wrong_is_told() -> None:
    links = chain(3)
    assert [f.kind for f in diagnose(KEY, links, None, [])] == [Kind.HEAD]
    assert [f.kind for f in diagnose(KEY, links, Head(3, bytes(32)), [])] == [Kind.CHANGED]


@pytest.mark.parametrize("how", [swap_numbers, swap_records, move])
def test_the_one_that_was_moved_is_named_with_its_place(how: Tampering) -> None:
    links = chain(9)
    findings = check(how(links, 1, 6))
    told = {finding.entry_id: finding.detail for finding in findings}
    assert told[links[1].entry_id] == "this entry was written as number 2"
    assert len(findings) == (1 if how is move else 2)


def test_a_finding_reads_as_one_line() -> None:
    [finding] = check(truncate(chain(5), 3, 0))
    assert str(finding) == "truncated: booking 2027-01-04 #4: numbers 4 to 5 were cut off"


def test_anchors_form_a_chain_and_read_back() -> None:
    links = chain(5)
    first = next_anchor(None, [anchored_at(links, 2)], NOON)
    second = next_anchor(first, [anchored_at(links, 5, final=True)], datetime(2027, 1, 5, tzinfo=UTC))
    assert (first.number, second.number) == (1, 2)
    assert second.previous == first.hash
    assert read_anchor(second.body()) == second
    for wrong in ("", "[]", "{}", second.body().replace('"number":2', '"number": 2'), '{"heads":1}'):
        with pytest.raises(ValueError):
            read_anchor(wrong)
