"""The oracle's budgets, by hand."""

from fractions import Fraction

from oracle.budgets import BudgetFault, Charge, Money
from oracle.build import GraphBuilder
from oracle.demands import Caller
from oracle.graph import Decision, Facts, Graph
from oracle.numbers import Number
from oracle.strict_json import Json

POT, WINDOW = ("pot", "k"), ("window", "k")


def money(*times: int) -> Money:
    """Return a pot and a window of a span of 10, charged 1 at each of the times."""
    found = Money(frozenset({"pot"}), 10)
    for key in (POT, WINDOW):
        found.charges[key] = [Charge(Fraction(1), at) for at in times]
    return found


def decided(arguments: dict[str, Json], *, action: str = "allow", until: bool = False) -> Decision:
    """Return what is decided of a call of `pay` that a fee and a price may count."""
    builder = GraphBuilder()
    pay = builder.named("tool", ["pay"])
    abroad = builder.selecting("input", "$['abroad']", [("eq", "true")])
    fee, price = builder.contributor([pay, abroad], "2"), builder.contributor([pay], "$['amount']")
    builder.budget("spend", [fee, price], key=["agent"])
    builder.rule([pay], action, until=until, requires=["login"] if until else [])
    caller = Caller(upstream="u", tool="pay", call="", agent="a=b")
    return Graph(builder.text()).decide(Facts(caller, arguments))


def test_a_window_counts_what_is_young_and_a_pot_what_no_gap_parts() -> None:
    assert [charge.at for charge in money(0, 8, 16).counted(WINDOW, 17)] == [8, 16]
    assert [charge.at for charge in money(0, 8, 16, 30).counted(POT, 39)] == [30]
    assert [charge.at for charge in money(0, 8, 16).counted(POT, 25)] == [0, 8, 16]
    assert money(0, 8, 16).counted(POT, 26) == []


def test_room_comes_back() -> None:
    spent, one, three = money(0, 8, 16), Fraction(1), Fraction(3)
    assert spent.reset(POT, one, three, 17) == 9
    assert spent.reset(WINDOW, one, Fraction(2), 17) == 1
    assert spent.reset(WINDOW, three, three, 17) == 9
    assert spent.reset(WINDOW, Fraction(4), three, 17) is None
    assert money().reset(POT, one, three, 17) == 10


def test_commits_charge_and_nothing_weighs_nothing() -> None:
    spent = money()
    spent.held = {1: [(POT, Fraction(2)), (WINDOW, Fraction(0))]}
    assert spent.reserved(POT) == 2
    spent.commit(1, 5)
    assert (spent.spent(POT, 5), spent.charges[WINDOW], spent.reserved(POT)) == (2, [], 0)


def test_the_dearest_of_what_may_match() -> None:
    for arguments, contributor, amount in (
        ({"abroad": True}, 0, "2"),
        ({"abroad": False, "amount": Number("1")}, 1, "1"),
        ({"abroad": "yes", "amount": Number("1")}, 0, "2"),
        ({"abroad": "yes", "amount": Number("2.5")}, 1, "2.5"),
    ):
        (taken,) = decided(arguments).budgets
        assert (taken.contributor, taken.amount, taken.key) == (contributor, amount, "agent=a%3Db")


def test_what_cannot_be_known_is_a_fault() -> None:
    fault = BudgetFault("invalid_amount", "spend", "$['amount']", "nothing")
    assert decided({"abroad": "yes"}).budget_fault == fault


def test_what_is_denied_takes_nothing() -> None:
    paid: dict[str, Json] = {"amount": Number("1")}
    assert decided(paid, action="deny").budgets == []
    assert len(decided(paid, action="deny", until=True).budgets) == 1
